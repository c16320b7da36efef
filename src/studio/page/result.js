// What the model does with the test pictures: accuracy in words, confusion matrix, the most wrong pictures.

import { verdict } from "./analytics.js";
import { api, get } from "./api.js";
import { confusionOf } from "./confusion.js";
import { $, el, replace, setText } from "./dom.js";
import { percent } from "./format.js";
import { addKnown, seenBy } from "./pictures.js";
import { predictPicture } from "./predict.js";
import { liveRun, onRun, shownRun } from "./watch.js";

let loadedFor = null; // the run whose mistakes are shown or on their way

function refresh(run) {
  setText($("test-accuracy"), verdict(run) ?? notMeasured(run));
  setText($("guess-verdict"), run?.verdict ?? "");
  $("confusion").hidden = !run?.confusion;
  replace($("confusion"), run?.confusion && confusionOf(run));
}

/** Why there is no accuracy. */
function notMeasured(run) {
  if (!run || run.state === "running") return "Measured after every epoch.";
  return "Not measured: the run ended before its first epoch did.";
}

function forget(run) {
  loadedFor = null;
  replace($("mistakes"));
  const isOver = Boolean(run) && run.state !== "running";
  $("load-mistakes").hidden = !(isOver && run.hasModel);
  let note = "Shown when the training has ended.";
  if (isOver) note = run.hasModel ? "The model looks at every test picture again: this can take some seconds." : "No model was saved.";
  setText($("mistakes-note"), note);
}

async function load(run) {
  if (loadedFor === run) return;
  loadedFor = run;
  $("load-mistakes").hidden = true;
  setText($("mistakes-note"), "Looking at the test pictures again …");
  try {
    const { classes, confusion, worst, may_have_seen: mayHaveSeen } = await get(api`/api/runs/${run.name}/mistakes`);
    if (loadedFor !== run) return; // another run is shown by now
    Object.assign(run, { classes, confusion });
    refresh(run);
    const changed = mayHaveSeen ? " The folder has changed since the training, which may have seen some of these pictures." : "";
    setText(
      $("mistakes-note"),
      (worst.length
        ? "The surest wrong answers first. Click one to predict it."
        : "None: every test picture was named correctly.") + changed,
    );
    replace(
      $("mistakes"),
      worst.map((wrong) => mistake(run, wrong)),
    );
  } catch (why) {
    if (loadedFor !== run) return;
    forget(run);
    setText($("mistakes-note"), why.message);
  }
}

function mistake(run, { picture, name, label, predicted, probability }) {
  return el(
    "li",
    {},
    el(
      "button",
      {
        type: "button",
        class: "mistake",
        "aria-label": `Predict ${name}: named ${predicted}, is ${label}`,
        onclick: () => predictPicture(addKnown(picture, name), run.name),
      },
      el("img", { src: seenBy(picture, 96, run.config.color), alt: "", width: 96, height: 96, loading: "lazy" }),
      el("span", {}, el("strong", {}, predicted), ` ${percent(probability, 0)}`),
      el("span", { class: "hint" }, `is ${label}`),
      el("span", { class: "hint file", title: name }, name),
    ),
  );
}

export function startResult() {
  $("load-mistakes").addEventListener("click", () => shownRun() && load(shownRun()));
  onRun(({ run, types }) => {
    if (types.has("run") || types.has("shown")) forget(run);
    if (["run", "shown", "config", "epoch", "end"].some((type) => types.has(type))) refresh(run);
    const isOver = types.has("end") && run === liveRun();
    if (isOver) forget(run);
    // Without being asked only after a run that this page watched: it costs a pass over the test pictures.
    if (isOver && !types.has("replay") && run?.hasModel && run.state === "finished") load(run);
  });
}
