// Asks before something is done that cannot be undone, and for a name or a number.

import { $, setText } from "./dom.js";

let answer = null; // resolves the question that is open

function ask({ title, text, yes, input = null, label = "" }) {
  setText($("ask-title"), title);
  setText($("ask-text"), text);
  setText($("ask-yes"), yes);
  setText($("ask-what"), label);
  $("ask-label").hidden = input === null;
  $("ask-input").value = input ?? "";
  const dialog = $("ask");
  const asked = new Promise((resolve) => (answer = resolve));
  dialog.showModal();
  // Enter alone deletes nothing.
  (input === null ? $("ask-no") : $("ask-input")).focus();
  if (input !== null) $("ask-input").select();
  return asked;
}

/** Whether a person says yes. */
export const confirmed = (title, text, yes) => ask({ title, text, yes });

/** The text that a person gives, or null. */
export const askedFor = (title, text, input, { label = "Name", yes = "Save" } = {}) =>
  ask({ title, text, yes, input, label }).then((isYes) => (isYes ? $("ask-input").value.trim() : null));

export function startAsking() {
  const done = (isYes) => {
    answer?.(isYes);
    answer = null;
    $("ask").close();
  };
  $("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    done(true);
  });
  $("ask-no").addEventListener("click", () => done(false));
  // Escape, too.
  $("ask").addEventListener("close", () => answer && done(false));
}
