// How the shown run is doing, in words and numbers: status, progress bars, tiles, messages.

import { $, announce, el, replace, setText } from "./dom.js";
import { count, duration, integer, loss, NONE, percent, three, timeTaken } from "./format.js";
import { currentEpoch, nameOf, progress, secondsLeft, speed } from "./run.js";
import { tellInTitle } from "./views.js";
import { isTraining, liveRun, onRun, showRun, shownRun } from "./watch.js";

/** How a run ended: "Diverged in step 12". A run that never began has no folder that says it. */
export function endInWords({ end, state }) {
  const words = end ?? state;
  return words[0].toUpperCase() + words.slice(1);
}

function statusText(run) {
  if (!run) return "No run yet. Press “Start training”: the defaults train on the bundled pictures.";
  const at = progress(run);
  const where = at ? `Epoch ${at.epoch}/${at.epochs}, step ${at.step}/${at.steps}` : "";
  if (run.state === "running" && run.decoding) {
    const { set, done, total } = run.decoding;
    return `Reading the ${set} pictures: ${done}/${total}`;
  }
  if (run.state === "running" && at) {
    const isValidating = at.step === at.steps && run.epochs.length < at.epoch;
    return isValidating ? `${where} · measuring on the test pictures` : where;
  }
  if (run.state === "running") return run.isLive ? "Getting ready …" : "In progress";
  return where ? `${endInWords(run)} · ${where}` : endInWords(run);
}

let wasTraining = false;

function bars(run) {
  const at = run && progress(run);
  const decoding = run?.state === "running" ? run.decoding : null;
  $("bar-run").value = at?.done ?? 0;
  setText($("bar-run-text"), at ? percent(at.done, 0) : "\u00a0");
  $("bar-epoch").value = decoding ? decoding.done / Math.max(1, decoding.total) : at ? at.step / at.steps : 0;
  setText($("bar-epoch-text"), at ? `${at.step}/${at.steps}` : "\u00a0");
  const live = liveRun();
  const liveAt = isTraining() && live ? progress(live) : null;
  $("top-bar").style.inlineSize = isTraining() ? percent(liveAt?.done ?? 0, 2).replace(" ", "") : "0";
  setText($("top-status"), isTraining() ? `Training ${percent(liveAt?.done ?? 0, 0)}` : "");
  if (isTraining()) tellInTitle(percent(liveAt?.done ?? 0, 0));
  // Whoever is elsewhere sees that it is over, until he comes.
  else tellInTitle(live && wasTraining && document.hidden ? endInWords(live) : "");
  wasTraining = isTraining() || (wasTraining && document.hidden);
}

function tile(name, value, note) {
  setText($(`tile-${name}`), value);
  setText($(`tile-${name}-note`), note || "\u00a0");
}

function tiles(run) {
  const at = run && progress(run);
  const isMidEpoch = at && run.epochs.length < at.epoch;
  const training = isMidEpoch ? currentEpoch(run) : run?.epochs.at(-1);
  const note = !training ? "" : isMidEpoch ? `epoch ${at.epoch} so far` : `mean of epoch ${run.epochs.length}`;
  tile("loss", loss(training?.loss), note);
  tile("accuracy", percent(training?.accuracy), note);

  const validated = run?.epochs.findLastIndex((epoch) => epoch.val_loss !== null) ?? -1;
  const validation = run?.epochs[validated];
  const when = validation ? `after epoch ${validated + 1}` : "";
  tile("val-loss", loss(validation?.val_loss), when);
  tile("val-accuracy", percent(validation?.val_accuracy), when);

  const isRunning = run?.state === "running";
  tile(
    "speed",
    three(run && (isRunning ? speed(run) : speed(run, Infinity))),
    isRunning ? "last steps" : run?.steps.step.length ? "whole run" : "",
  );
  const left = run && secondsLeft(run);
  const spent = run ? run.steps.seconds.reduce((sum, s) => sum + s, 0) : 0;
  const has = run?.steps.step.length > 0;
  setText($("tile-eta").previousElementSibling, isRunning || !has ? "Time left" : "Time taken");
  if (isRunning || !has) tile("eta", left === null ? NONE : duration(left), has ? `${duration(spent)} so far` : "");
  else if (run.seconds !== null) tile("eta", timeTaken(run.seconds), "with validation");
  else tile("eta", timeTaken(spent), "without validation");
}

function runName(run) {
  if (!run) return "\u00a0";
  const { config } = run;
  const size = config.image_size ? ` · ${config.image_size} × ${config.image_size} pixels` : "";
  return `Run ${nameOf(run)}${size}`;
}

function messages(run) {
  const list = $("messages");
  const texts = run?.messages ?? [];
  const isSame = list.dataset.run === (run?.name ?? "") && list.childElementCount <= texts.length && texts.length;
  if (!isSame) {
    replace(list, texts.length ? [] : el("li", {}, without(run)));
    list.dataset.run = texts.length ? run.name : "";
  }
  for (const text of texts.slice(list.childElementCount)) list.append(el("li", {}, text));
  list.scrollTop = list.scrollHeight;
}

/** A past run has no messages any more. */
const without = (run) => (run ? "Messages are told while a run goes on; the settings are above." : "Nothing yet.");

function tellScreenReaders(run, types) {
  if (run !== liveRun() || !run) return;
  const last = run.epochs.at(-1);
  if (types.has("end")) {
    announce(`Training: ${endInWords(run)}. ${verdict(run) ?? ""}`);
  } else if (types.has("epoch") && last) {
    announce(
      `Epoch ${run.epochs.length} of ${run.epochsTotal}: loss ${loss(last.loss)}, ` +
        `validation accuracy ${percent(last.val_accuracy)}.`,
    );
  }
}

/** The same of a matrix that was counted later. */
function fromMatrix(confusion) {
  const total = confusion?.flat().reduce((sum, n) => sum + n, 0);
  if (!total) return null;
  const right = confusion.reduce((sum, row, i) => sum + row[i], 0);
  return `Test accuracy: ${percent(right / total)} – ${integer(right)} of ${count(total, "test picture")} named correctly.`;
}

/** The accuracy on the test pictures in words, or null. */
export function verdict(run) {
  const last = run?.epochs.findLast((epoch) => epoch.val_accuracy !== null);
  if (!last) return fromMatrix(run?.confusion);
  const total = run.confusion?.flat().reduce((sum, n) => sum + n, 0) ?? run.config.test_pictures;
  const share = percent(last.val_accuracy);
  if (!total) return `Test accuracy: ${share}.`;
  return `Test accuracy: ${share} – ${integer(Math.round(last.val_accuracy * total))} of ${count(total, "test picture")} named correctly.`;
}

export function startAnalytics() {
  $("back-to-live").addEventListener("click", () => showRun(liveRun().name));
  document.addEventListener("visibilitychange", () => bars(shownRun()));
  onRun(({ run, types }) => {
    setText($("status"), statusText(run));
    setText($("run-name"), runName(run));
    setText($("run-error"), run?.error ?? "");
    $("back-to-live").hidden = !isTraining() || run === liveRun();
    bars(run);
    tiles(run);
    if (["run", "message", "shown"].some((type) => types.has(type))) messages(run);
    tellScreenReaders(run, types);
  });
}
