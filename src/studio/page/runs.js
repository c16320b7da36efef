// Past runs: the table, and what can be done with each.

import { api, post } from "./api.js";
import { askedFor, confirmed } from "./ask.js";
import { compare, compareAmong, comparesNone, drawSwatches, isCompared, startComparison } from "./compare.js";
import { $, announce, el, setText } from "./dom.js";
import { onRuns, refreshRuns } from "./models.js";
import { downloadLink, useModel } from "./next.js";
import { reuseSettings, trainOn } from "./reuse.js";
import { canResume, resumeRun } from "./resume.js";
import { nameOf } from "./run.js";
import { drawTable, setRuns, startTable } from "./runtable.js";
import { goTo, onView } from "./views.js";
import { runChanged, showRun } from "./watch.js";

const complain = (why) => setText($("runs-note"), why.message);

async function show({ name }) {
  await showRun(name);
  goTo("train");
  $("analytics-title").scrollIntoView();
}

async function rename(run) {
  const title = await askedFor("Rename the run", `Its folder stays runs/${run.name}. Leave the name empty to take it away.`, run.title ?? "");
  if (title === null || title === (run.title ?? "")) return;
  await post(api`/api/runs/${run.name}/rename`, { title });
  announce(title ? `The run is named ${title}.` : `The run is named ${run.name}.`);
  await refreshRuns();
  await runChanged(run.name, { title: title || null });
}

/** The first of many names. */
const some = (names) => names.slice(0, 10).join(", ") + (names.length > 10 ? ` and ${names.length - 10} more` : "");

async function remove(run) {
  const text = `The model, the history and all else of the run in runs/${run.name} will be gone for good.`;
  if (!(await confirmed(`Delete ${nameOf(run)}?`, text, "Delete"))) return;
  try {
    const { left } = await post(api`/api/runs/${run.name}/delete`);
    announce(`${nameOf(run)} is deleted.`);
    if (left.length) setText($("runs-hint"), `${nameOf(run)} is deleted. In runs/${run.name} stays what is not the run’s: ${some(left)}.`);
  } finally {
    await refreshRuns(); // also where it could not be deleted whole
  }
  await runChanged(run.name, { isDeleted: true });
}

function action(text, run, act, attributes = {}) {
  return el(
    "button",
    {
      type: "button",
      class: "quiet small",
      "aria-label": `${text}: ${nameOf(run)}`,
      "data-key": `${text} ${run.name}`,
      ...attributes,
      onclick: () => {
        setText($("runs-note"), "");
        setText($("runs-hint"), "");
        Promise.resolve(act(run)).catch(complain);
      },
    },
    text,
  );
}

/** A run that goes on is neither renamed nor deleted: the server refuses it, too. */
function actions(run) {
  const idle = run.state === "running" ? { disabled: true, title: "The run goes on" } : {};
  return [
    action("Show", run, show),
    action("Reuse settings", run, reuseSettings),
    canResume(run) && action("Continue", run, resumeRun, { title: "Go on from its newest checkpoint, as if it had never stopped" }),
    run.model && action("Start from it", run, trainOn, { title: "A new run that starts with its weights" }),
    run.model && action("Predict", run, () => useModel(run, "predict")),
    run.model && action("Look inside", run, () => useModel(run, "inside")),
    run.model && downloadLink(run, "Download", { class: "button quiet small", "aria-label": `Download the model: ${nameOf(run)}` }),
    action("Rename", run, rename, idle),
    action("Delete", run, remove, idle),
  ].filter(Boolean);
}

function checkbox(run) {
  const input = el("input", {
    type: "checkbox",
    "data-key": `compare ${run.name}`,
    checked: isCompared(run.name),
    onchange: async ({ target }) => {
      try {
        await compare(run.name, target.checked);
      } catch (why) {
        target.checked = false;
        complain(why);
      }
    },
  });
  return el("label", { class: "check" }, input, el("span", { class: "check-text" }, "Compare"), el("span", { class: "hidden-text" }, ` ${nameOf(run)}`));
}

function redraw() {
  drawTable();
  drawSwatches();
}

export function startRuns() {
  startTable({ compare: checkbox, actions, show: (run) => show(run).catch(complain), redraw });
  startComparison();
  const refresh = () => refreshRuns().catch(complain);
  $("refresh-runs").addEventListener("click", refresh);
  onView((view) => view === "runs" && refresh());
  let isNew = true;
  onRuns((runs) => {
    compareAmong(runs);
    setRuns(runs);
    const isFirst = isNew && comparesNone();
    isNew = false;
    if (isFirst && runs.length) compare(runs[0].name, true).then(redraw, () => {});
  });
}
