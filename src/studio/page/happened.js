// What a thread did last, and where it is, in words.

import { el, replace, setText } from "./dom.js";
import { precise } from "./format.js";

const MOST_NOTES = 16;
const MOST_VALUES = 8;

export class Happened {
  constructor() {
    this.calls = el("p", { class: "micro-calls" });
    this.last = el("p", { class: "micro-done" });
    this.notes = el("ul", { class: "micro-notes", tabindex: "0", "aria-label": "What the last line did" });
    this.node = el("div", { class: "micro-words" }, this.calls, this.last, this.notes);
  }

  show(state, isPlaying) {
    // Nobody can listen as fast as it plays.
    this.notes.setAttribute("aria-live", isPlaying ? "off" : "polite");
    const notes = state.notes.filter(({ name }) => name);
    replace(this.calls, callWords(state));
    setText(
      this.last,
      state.done ? `Line ${state.done} was executed${notes.length ? ":" : "."}` : "Nothing was executed yet.",
    );
    replace(
      this.notes,
      notes.slice(0, MOST_NOTES).map((note) => el("li", {}, el("code", {}, noteWords(note)))),
      notes.length > MOST_NOTES && el("li", { class: "hint" }, `and ${notes.length - MOST_NOTES} more`),
    );
  }
}

/** "Next is line 84, in source(), called in line 83 of forward()." */
function callWords({ line, calls }) {
  if (line === null) return "The thread has ended.";
  const place = calls.map(([name, from], i) => [
    i > 0 && " of ",
    el("code", {}, `${name}()`),
    from > 0 && `, called in line ${from}`,
  ]);
  return ["Next is ", el("strong", {}, `line ${line}`), ", in ", place, "."];
}

const numberWords = (value) =>
  typeof value === "number" && !Number.isInteger(value) ? precise(value) : String(value).replace("-", "−");

/** "x[2535] is 0.447" */
function noteWords({ action, name, place, values }) {
  const verb = { read: " is ", write: " becomes ", compute: " = " }[action];
  const shown = values.slice(0, MOST_VALUES).map(numberWords).join(", ");
  const more = values.length > MOST_VALUES ? `, … ${values.length} in all` : "";
  return `${name}${place}${verb}${values.length === 1 ? shown : `(${shown}${more})`}`;
}
