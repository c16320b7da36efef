// What can be done with a run that is over.

import { api } from "./api.js";
import { $, el, replace, setText } from "./dom.js";
import { chooseModel } from "./models.js";
import { reuseSettings, trainOn } from "./reuse.js";
import { canResume, resumeRun } from "./resume.js";
import { nameOf } from "./run.js";
import { goTo } from "./views.js";
import { onRun } from "./watch.js";

/** Goes to a section with this run's model. */
export function useModel({ name }, view) {
  chooseModel(`${view}-run`, name);
  goTo(view);
}

/** A link that saves the model as a file. */
export const downloadLink = (run, text, attributes) =>
  el("a", { ...attributes, href: api`/api/runs/${run.name}/model`, download: `${run.name}.safetensors` }, text);

const button = (text, act, attributes = {}) =>
  el(
    "button",
    {
      type: "button",
      ...attributes,
      onclick: () => Promise.resolve(act()).catch((why) => setText($("run-error"), why.message)),
    },
    text,
  );

function refresh(run) {
  const isOver = Boolean(run) && run.state !== "running";
  // A run that failed before it began has no folder.
  const hasFolder = isOver && (run.hasModel || run.end !== null);
  $("next").hidden = !hasFolder;
  if (!hasFolder) return;
  replace(
    $("next"),
    el("h4", {}, run.hasModel ? "What next?" : "No model was saved."),
    el(
      "div",
      { class: "buttons" },
      run.hasModel && button("Predict with it", () => useModel(run, "predict"), { class: "primary", id: "next-predict" }),
      run.hasModel && button("Look inside", () => useModel(run, "inside")),
      run.hasModel && downloadLink(run, "Download the model", { class: "button", id: "next-download" }),
      canResume(run) && button("Continue", () => resumeRun(run), { id: "next-continue", title: "Go on from its newest checkpoint, as if it had never stopped" }),
      run.hasModel && button("Start from its weights", () => trainOn(run), { id: "next-start-from", title: "A new run that starts with its weights" }),
      button("Reuse its settings", () => reuseSettings(run), { id: "next-reuse", "aria-label": `Reuse the settings of ${nameOf(run)}` }),
    ),
  );
}

export function startNext() {
  onRun(({ run, types }) => {
    if (["run", "shown", "epoch", "end"].some((type) => types.has(type))) refresh(run);
  });
}
