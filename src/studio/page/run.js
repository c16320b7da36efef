// What is known of one training run: its configuration, its curves, how far it is. Filled from events while
// it runs, or from its folder afterwards; the views do not care which.

const STEP_COLUMNS = ["step", "epoch", "loss", "accuracy", "images", "seconds"];

/** Steps that the estimate of the time left looks back on. */
const ETA_STEPS = 60;

export function emptyRun(name, config) {
  return {
    name,
    config: config ?? {},
    title: null,
    state: "running", // running | finished | stopped | diverged | failed | killed | ended
    end: null, // the same in words, when it is over
    seconds: null, // wall time, when it is over
    hasModel: false,
    canResume: false, // whether it is over, and has a checkpoint
    steps: Object.fromEntries(STEP_COLUMNS.map((column) => [column, []])),
    epochs: [], // {epoch, loss, accuracy, images_per_second, seconds, val_loss, val_accuracy}
    best: null, // the epoch whose model is used
    confusion: null,
    verdict: null, // what the accuracy hides, when it is over
    classes: config?.classes ?? null,
    kernels: null, // the last "kernels" event
    messages: [],
    decoding: null, // {set, done, total}
    stepsPerEpoch: null,
    epochsTotal: config?.epochs ?? null,
    error: null,
    isLive: false,
  };
}

/** A run as /api/runs/{name} describes it. */
export function runFromFolder({ name, title, state, end, reason, seconds, model, config, steps, history, confusion, verdict, best_epoch: best, can_resume: canResume }) {
  const run = emptyRun(name, config);
  run.canResume = canResume;
  run.best = best === null ? null : best - 1;
  const isOver = state !== "running";
  Object.assign(run, { title, state, hasModel: model, steps, epochs: history, confusion, verdict, error: reason });
  if (isOver) Object.assign(run, { end, seconds });
  const first = steps.epoch.lastIndexOf(0) + 1;
  run.stepsPerEpoch = history.length ? first : null;
  return run;
}

/** Puts what the folder knows of the run before the steps and epochs that came as events. */
export function putBefore(run, past) {
  const before = (all, first) => {
    const until = first === undefined ? -1 : all.findIndex((at) => at >= first);
    return until < 0 ? all.length : until;
  };
  const steps = before(past.steps.step, run.steps.step[0]);
  for (const column of STEP_COLUMNS) run.steps[column] = [...past.steps[column].slice(0, steps), ...run.steps[column]];
  const epochs = before(
    past.epochs.map(({ epoch }) => epoch),
    run.epochs[0]?.epoch,
  );
  run.epochs = [...past.epochs.slice(0, epochs), ...run.epochs];
  run.hasModel ||= past.hasModel;
  run.best ??= past.best;
  run.stepsPerEpoch ??= past.stepsPerEpoch;
}

/** What the page calls a run. */
export const nameOf = ({ name, title }) => title ?? name;

/** Takes an event of the run in. */
export function applyEvent(run, event) {
  switch (event.type) {
    case "message":
      run.messages.push(event.text);
      break;
    case "decoding":
      run.decoding = event;
      break;
    case "epoch_starts":
      run.decoding = null;
      run.epochsTotal = event.epochs;
      run.stepsPerEpoch = event.steps;
      break;
    case "step":
      for (const column of STEP_COLUMNS) run.steps[column].push(event[column]);
      break;
    case "epoch":
      run.epochs.push({
        ...event,
        val_loss: event.validation?.loss ?? null,
        val_accuracy: event.validation?.accuracy ?? null,
      });
      run.confusion = event.validation?.confusion ?? run.confusion;
      run.hasModel = true;
      if (event.is_best) run.best = event.epoch;
      break;
    case "kernels":
      run.kernels = event;
      break;
    case "end":
      run.state = event.end;
      run.end = event.words;
      run.seconds = event.seconds;
      run.verdict = event.verdict;
      run.error = event.error;
      run.canResume = event.can_resume;
      run.decoding = null;
      break;
    default:
      break; // an event that a newer server sends
  }
}

/** {epoch (from 1), epochs, step (in the epoch), steps, done (0..1)}, or null before the first step. */
export function progress(run) {
  const { step, epoch } = run.steps;
  const epochs = run.epochsTotal ?? run.epochs.length;
  if (!step.length || !epochs) return null;
  const current = epoch.at(-1);
  let inEpoch = 0;
  while (inEpoch < epoch.length && epoch[epoch.length - 1 - inEpoch] === current) inEpoch++;
  const steps = run.stepsPerEpoch ?? inEpoch;
  return { epoch: current + 1, epochs, step: inEpoch, steps, done: Math.min(1, (current + inEpoch / steps) / epochs) };
}

/** Seconds that the steps left will take at the speed of the last ones; null while nothing is known. */
export function secondsLeft(run) {
  const at = progress(run);
  const { seconds } = run.steps;
  if (!at || seconds.length < 2 || run.state !== "running") return null;
  const recent = seconds.slice(Math.max(1, seconds.length - ETA_STEPS)); // the first step compiles
  const mean = recent.reduce((sum, s) => sum + s, 0) / recent.length;
  return mean * ((at.epochs - at.epoch) * at.steps + at.steps - at.step);
}

/** Pictures per second over the last steps. */
export function speed(run, steps = 20) {
  const { images, seconds } = run.steps;
  const from = Math.max(0, seconds.length - steps);
  const sum = (column) => column.slice(from).reduce((a, b) => a + b, 0);
  return seconds.length ? sum(images) / sum(seconds) : null;
}

/** Mean loss and accuracy of the epoch that runs, weighted by pictures as the engine does. */
export function currentEpoch(run) {
  const { epoch, loss, accuracy, images } = run.steps;
  let [l, a, n] = [0, 0, 0];
  for (let i = epoch.length - 1; i >= 0 && epoch[i] === epoch.at(-1); i--) {
    l += loss[i] * images[i];
    a += accuracy[i] * images[i];
    n += images[i];
  }
  return n ? { loss: l / n, accuracy: a / n } : null;
}

/** The epoch whose model is used; null before the first. */
export const bestEpoch = (run) => run.epochs.find(({ epoch }) => epoch === run.best) ?? null;

/** The last step of an epoch, by its number from 0. */
export function lastStepOf(run, epoch) {
  const at = run.steps.epoch.lastIndexOf(epoch);
  return at < 0 ? null : run.steps.step[at];
}

/** A weighted mean of all values so far, older ones counting less; without the pull towards zero at the start. */
export function smooth(values, weight) {
  let [sum, total] = [0, 0];
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}
