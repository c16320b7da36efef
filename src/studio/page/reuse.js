// The form, filled with the settings of a past run.

import { api, get } from "./api.js";
import { useConfiguration } from "./config.js";
import { $, announce, setText } from "./dom.js";
import { nameOf } from "./run.js";
import { goTo } from "./views.js";

/** Settings of a run that the form has no field for, in words, where they are not the usual ones. */
function notTaken({ max_steps, init_weights, precision, shuffle, fuse, micro_batch, batch_size, training_pictures, rungs }) {
  const isCut = micro_batch < Math.min(batch_size, training_pictures ?? Infinity);
  return [
    max_steps !== undefined && `its end after ${max_steps} steps`,
    init_weights !== undefined && `its start from the weights of ${init_weights}`,
    precision !== undefined && precision !== "f32" && `${precision} precision`,
    shuffle === false && "pictures that are not shuffled",
    fuse === false && "kernels that are not fused",
    isCut && `micro-batches of ${micro_batch}`,
    rungs?.length > 0 && `the rungs ${rungs.join(", ")}`,
  ].filter(Boolean);
}

/** Fills the form with a run's settings, and goes there; nothing is started. */
export async function reuseSettings(run) {
  const { config } = await get(api`/api/runs/${run.name}`);
  const { device, ...values } = config; // a run records the device's name, which is no choice of the form
  useConfiguration(values);
  const left = notTaken(config);
  const note = left.length ? `The form has no field for some settings of ${nameOf(run)}: ${left.join("; ")}. The next run goes without.` : "";
  setText($("reuse-note"), note);
  goTo("train");
  $("config-title").scrollIntoView();
  announce(note || `The form has the settings of ${nameOf(run)}.`);
}

export function startReuse() {
  const forget = () => setText($("reuse-note"), "");
  $("defaults").addEventListener("click", forget);
  $("config").addEventListener("submit", forget);
}
