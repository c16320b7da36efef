// Starts the page. Each module does one thing:
//   theme      light or dark               views      the sections, and the address
//   door       whether we were let in      api        talking to the server
//   events     every event of training, once, in any number of tabs
//   run        what is known of a run      watch      which run is shown
//   config, field, folders, network, complete, command     the form   training   Start and Stop
//   analytics, charts, curves, guessing, kernels, result, confusion, settings      how a run is doing
//   next, reuse, resume                    what to do with a run that is over
//   pictures, models                       what can be chosen
//   predict, prediction, unsure            classes of pictures
//   runs, runtable, compare, ask           past runs: their table, and side by side
//   inside, heat, layers, maps, bars, filters, unit, arithmetic, source, code, highlight, follow    what the network computed
//   graph                                  its layers, to go to one
//   gradients, diverging, pixels           what comes back through it
//   microscope, aim, stepping, happened, listing, threads, cells, meters, microlink    the thread that computes a value
//   change, lab, editor, verdict, timing, exercises      shaders that are edited

import { startAnalytics } from "./analytics.js";
import { startAsking } from "./ask.js";
import { get } from "./api.js";
import { loadPlotly } from "./charts.js";
import { startConfig, startConfigControls } from "./config.js";
import { startCurves } from "./curves.js";
import { $, setText } from "./dom.js";
import { goToEntrance, pageToken, tokenInAddress } from "./door.js";
import { startExercises } from "./exercises.js";
import { startFollowing } from "./follow.js";
import { setInsideDevices, startInside } from "./inside.js";
import { startModels } from "./models.js";
import { startNext } from "./next.js";
import { startPredict } from "./predict.js";
import { startResult } from "./result.js";
import { startReuse } from "./reuse.js";
import { startRuns } from "./runs.js";
import { startSettings } from "./settings.js";
import { formIsReady, refreshButtons, startTraining } from "./training.js";
import { setTimingDevices } from "./timing.js";
import { startViews } from "./views.js";
import { onConnection, onReset, startWatching } from "./watch.js";

async function loadState() {
  const state = await get("/api/state");
  startConfig(state, refreshButtons);
  setInsideDevices(state.devices);
  setTimingDevices(state.devices);
  setText($("version"), state.version);
  formIsReady();
}

/** Shows all, for a visitor with this token of the page. */
function start(token) {
  startViews();
  startConfigControls();
  startTraining();
  startAnalytics();
  startCurves();
  startResult();
  startNext();
  startReuse();
  startSettings();
  startAsking();
  startModels();
  startPredict();
  startInside();
  startExercises();
  startFollowing();
  startRuns();
  onConnection((isUp, isStranger) => {
    const down = isStranger
      ? "The server was started anew: open the address that it printed."
      : "Connection lost, retrying …";
    setText($("connection"), isUp ? "" : down);
  });
  onReset(() => {
    // Another server: it has another token, unless another tab has that already.
    if (pageToken() === token) return goToEntrance();
    token = pageToken();
    loadState().catch(() => {}); // it may know other fields and devices
  });
  loadState().catch((why) => setText($("start-reason"), why.message));
  startWatching().catch((why) => console.error(why));
  loadPlotly();
}

const token = pageToken();
if (token === null || tokenInAddress() !== null) goToEntrance();
else start(token);
