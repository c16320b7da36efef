// The list of runs, and the menus in which one of their models is chosen.

import { get } from "./api.js";
import { $, el, replace } from "./dom.js";
import { percent } from "./format.js";
import { nameOf } from "./run.js";
import { onRun } from "./watch.js";

const MENUS = ["predict-run", "inside-run"];
const watchers = new Set();
let runs = []; // the newest first

/** What the page calls the run of this folder. */
export const titleOf = (name) => nameOf(runs.find((run) => run.name === name) ?? { name });

/** A model in a menu; that of a run that goes on is of its last epoch. */
export function describe(run) {
  const { val_accuracy: accuracy, image_size: size } = run;
  const state = run.state === "running" ? `in training, after epoch ${run.epochs_done}` : null;
  return [nameOf(run), `${size} px`, accuracy === null ? null : percent(accuracy), state].filter(Boolean).join(" · ");
}
/** `act(runs)` when the list is new. */
export const onRuns = (act) => watchers.add(act);

/** The chosen model's run, or null for the newest. */
export const chosenModel = (menu) => $(menu).value || null;
/** The same, but the newest by its name; null where there is none. */
export const meantModel = (menu) => chosenModel(menu) ?? runs.find(({ model }) => model)?.name ?? null;

export function chooseModel(menu, name) {
  $(menu).value = name;
  $(menu).dispatchEvent(new Event("change"));
}

export async function refreshRuns() {
  runs = await get("/api/runs");
  const withModel = runs.filter(({ model }) => model);
  for (const menu of MENUS) {
    const chosen = $(menu).value;
    const newest = withModel[0] ? `newest (${nameOf(withModel[0])}${withModel[0].state === "running" ? ", in training" : ""})` : "none yet: train one first";
    replace(
      $(menu),
      el("option", { value: "" }, newest),
      withModel.map((run) => el("option", { value: run.name }, describe(run))),
    );
    if (withModel.some(({ name }) => name === chosen)) $(menu).value = chosen;
  }
  for (const act of watchers) act(runs);
  return runs;
}

export function startModels() {
  const refresh = () => refreshRuns().catch(() => {}); // the page says already that the server is away
  onRun(({ types }) => {
    if (["shown", "run", "epoch", "end"].some((type) => types.has(type))) refresh();
  });
  refresh();
}
