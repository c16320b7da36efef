// The list of runs, and the menus in which one of their models is chosen.

import { get } from "./api.js";
import { $, el, replace } from "./dom.js";
import { percent } from "./format.js";
import { onRun } from "./watch.js";

const MENUS = ["predict-run", "inside-run"];
const watchers = new Set();
/** `act(runs)` when the list is new. */
export const onRuns = (act) => watchers.add(act);

/** The chosen model's run, or null for the newest. */
export const chosenModel = (menu) => $(menu).value || null;

export function chooseModel(menu, name) {
  $(menu).value = name;
  $(menu).dispatchEvent(new Event("change"));
}

export async function refreshRuns() {
  const runs = await get("/api/runs");
  const withModel = runs.filter(({ model }) => model);
  for (const menu of MENUS) {
    const chosen = $(menu).value;
    const newest = withModel[0] ? `newest (${withModel[0].name})` : "none yet: train one first";
    replace(
      $(menu),
      el("option", { value: "" }, newest),
      withModel.map(({ name, val_accuracy: accuracy, image_size: size }) =>
        el("option", { value: name }, `${name} · ${size} px${accuracy === null ? "" : ` · ${percent(accuracy)}`}`),
      ),
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
