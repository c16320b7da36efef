// The form, filled with the settings of a past run, or to train on from its weights.

import { api, get } from "./api.js";
import { deviceOf, networkOf, useConfiguration } from "./config.js";
import { $, announce, setText } from "./dom.js";
import { nameOf } from "./run.js";
import { goTo } from "./views.js";

/** The run whose model a path of a record names, or null. */
const runOfModel = (path) => path?.match(/^runs\/([^/]+)\/(?:model|best)\.safetensors$/)?.[1] ?? null;

/** Settings of a run that the form has no field for, in words, where they are not the usual ones. */
function notTaken(config) {
  const { max_steps, init_weights, precision, shuffle, fuse, micro_batch, batch_size, training_pictures, rungs, device } = config;
  const isCut = micro_batch < Math.min(batch_size, training_pictures ?? Infinity);
  return [
    config.recipe !== undefined && "its recipe",
    networkOf(config) === null && `its network, the file ${config.network}`,
    max_steps !== undefined && `its end after ${max_steps} steps`,
    init_weights !== undefined && runOfModel(init_weights) === null && `its start from the weights of ${init_weights}`,
    precision !== undefined && precision !== "f32" && `${precision} precision`,
    shuffle === false && "pictures that are not shuffled",
    fuse === false && "kernels that are not fused",
    isCut && `micro-batches of ${micro_batch}`,
    rungs?.length > 0 && `the rungs ${rungs.join(", ")}`,
    deviceOf(device) === null && `its device, ${device}, which is not here`,
  ].filter(Boolean);
}

/** Fills the form with these settings of a run and goes there; nothing is started. `said` are words about it. */
function fillForm(run, config, said) {
  const network = networkOf(config) ?? undefined;
  // A run that kept a share of its pictures has no other folder of test pictures.
  const test_dir = config.validation_split ? undefined : config.test_dir;
  useConfiguration({ ...config, test_dir, network, start_from: runOfModel(config.init_weights), device: deviceOf(config.device) ?? "auto" });
  const left = notTaken(config);
  const note = left.length ? `The form has no field for some settings of ${nameOf(run)}: ${left.join("; ")}. The next run goes without.` : "";
  setText($("reuse-note"), [said, note].filter(Boolean).join(" "));
  goTo("train");
  $("config-title").scrollIntoView();
  announce($("reuse-note").textContent || `The form has the settings of ${nameOf(run)}.`);
}

/** Fills the form with a run's settings. */
export async function reuseSettings(run) {
  const { config } = await get(api`/api/runs/${run.name}`);
  fillForm(run, config, "");
}

/** The same, to begin with the weights that the run ended with: other pictures are drawn, so its seed is not taken. */
export async function trainOn(run) {
  const { config } = await get(api`/api/runs/${run.name}`);
  const { seed, ...settings } = config;
  const said = `The next run starts with the weights of ${nameOf(run)}. What Adam remembers of past steps starts anew.`;
  fillForm(run, { ...settings, init_weights: `runs/${run.name}/best.safetensors` }, said);
}

export function startReuse() {
  const forget = () => setText($("reuse-note"), "");
  $("defaults").addEventListener("click", forget);
  $("config").addEventListener("submit", forget);
}
