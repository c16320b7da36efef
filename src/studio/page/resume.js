// Going on with a run from its newest checkpoint, to what it would have become without a break.

import { api, post } from "./api.js";
import { askedFor } from "./ask.js";
import { announce } from "./dom.js";
import { count } from "./format.js";
import { nameOf } from "./run.js";
import { goTo } from "./views.js";

/** Whether there is a run to go on with. */
export const canResume = (run) => Boolean(run.can_resume ?? run.canResume);

/** Goes on with a run; one that is finished gets more epochs. Its first event shows it. */
export async function resumeRun(run) {
  const total = run.config?.epochs ?? run.epochs;
  let epochs = null;
  if (run.state === "finished") {
    const text = `It has done what it was to do: ${count(total, "epoch")} at most. How many shall it have, these included?`;
    const answer = await askedFor(`Continue ${nameOf(run)}`, text, String(2 * total), { label: "Epochs", yes: "Continue" });
    if (answer === null) return;
    if (!/^[0-9]+$/.test(answer)) throw new Error(`The number of epochs is a whole number, not “${answer}”.`);
    epochs = Number(answer);
  }
  await post(api`/api/runs/${run.name}/resume`, { epochs });
  announce(`${nameOf(run)} goes on.`);
  goTo("train");
}
