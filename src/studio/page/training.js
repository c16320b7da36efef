// Start and Stop, and why they cannot be used just now.

import { post } from "./api.js";
import { configuration, firstProblem, showServerErrors } from "./config.js";
import { $, announce, setText } from "./dom.js";
import { isTraining, liveRun, onConnection, onRun } from "./watch.js";

let isReady = false; // the fields have come from the server
let isConnected = true;
let asked = null; // "start" or "stop", until an event says that it was done

function reasonNotToStart() {
  if (!isReady) return "Loading …";
  if (!isConnected) return "The server does not answer.";
  if (asked === "start") return "Starting …";
  if (asked === "stop" && !liveRun()?.steps.step.length) return "Stopping, as soon as the pictures have been read …";
  if (asked === "stop") return "Stopping: the step is finished and the model is saved …";
  if (isTraining()) return "A training is in progress: stop it, or wait for its end.";
  const problem = firstProblem();
  return problem && `Please correct “${problem.part.field.label}” first.`;
}

export function refreshButtons() {
  const reason = reasonNotToStart();
  $("start").disabled = Boolean(reason);
  $("stop").disabled = !isTraining() || asked === "stop" || !isConnected;
  setText($("start-reason"), reason ?? "The model and its history are saved in the folder runs.");
}

const complain = (text) => setText($("train-alert"), text);

async function start(event) {
  event.preventDefault();
  if (reasonNotToStart()) return;
  complain("");
  asked = "start";
  refreshButtons();
  try {
    const { run } = await post("/api/train", configuration());
    if (liveRun()?.name === run) asked = null; // its first event was faster
    announce("Training starts.");
    // On a small screen the form is above: show what happens.
    if (matchMedia("(max-width: 899px)").matches) $("analytics-title").scrollIntoView();
  } catch (why) {
    asked = null;
    const { errors } = why;
    complain(why.message);
    if (errors?.length) showServerErrors(errors);
  }
  refreshButtons();
}

async function stop() {
  complain("");
  asked = "stop";
  refreshButtons();
  try {
    await post("/api/stop");
  } catch (why) {
    asked = null;
    complain(why.message);
  }
  refreshButtons();
}

export function startTraining() {
  $("config").addEventListener("submit", start);
  $("stop").addEventListener("click", stop);
  onConnection((isUp) => {
    if (isUp !== isConnected) {
      isConnected = isUp;
      asked = null;
      refreshButtons();
    }
  });
  onRun(({ types }) => {
    if (types.has("run") || types.has("end")) asked = null;
    if (types.has("run")) complain("");
    if (["run", "end", "shown"].some((type) => types.has(type))) refreshButtons();
  });
}

/** The form is there, or there anew. */
export function formIsReady() {
  isReady = true;
  refreshButtons();
}
