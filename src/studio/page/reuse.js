// The form, filled with the settings of a past run.

import { api, get } from "./api.js";
import { useConfiguration } from "./config.js";
import { $, announce } from "./dom.js";
import { nameOf } from "./run.js";
import { goTo } from "./views.js";

/** Fills the form with a run's settings, and goes there; nothing is started. */
export async function reuseSettings(run) {
  const { config } = await get(api`/api/runs/${run.name}`);
  const { device, ...values } = config; // a run records the device's name, which is no choice of the form
  useConfiguration(values);
  goTo("train");
  $("config-title").scrollIntoView();
  announce(`The form has the settings of ${nameOf(run)}.`);
}
