// The curves of a run. Each chart is a function from the run to traces; charts.js decides when to draw.

import { axis, best, Chart, faint, training, validation } from "./charts.js";
import { $, colour, setText } from "./dom.js";
import { count, loss, percent, three } from "./format.js";
import { accuracyLines, accuracyRange, lossLine, lossRange } from "./guessing.js";
import { hasKernels, kernelsChart } from "./kernels.js";
import { bestEpoch, emptyRun, lastStepOf, smooth } from "./run.js";
import { onRun, shownRun } from "./watch.js";

const LOSS = "%{y:.4f}";
const SHARE = "%{y:.1%}";
const NOTHING = emptyRun("none", {});

const data = () => shownRun() ?? NOTHING;
const smoothing = () => Number($("smoothing").value);

/** Zoom is kept while a run goes on, and reset for another one. */
const common = () => ({ uirevision: data().name });
const steps = () => axis("Step", { rangemode: "tozero" });
/** The ends of a line across all steps. */
const ends = ({ steps: { step } }) => [0, Math.max(step.at(-1) ?? 0, 10)];
const isLogarithmic = () => $("logarithmic").checked;

/** An axis of losses in which guessing can be seen too; steps far above it are counted. */
function lossAxis(run, perStep, others) {
  const { range, hidden } = lossRange(run, perStep, others, isLogarithmic());
  const title = hidden ? `Loss (${count(hidden, "step")} above)` : "Loss";
  return axis(title, { range, type: isLogarithmic() ? "log" : "linear" });
}

/** A column of the epochs, each at the epoch's last step. */
function perEpoch(run, column) {
  const known = run.epochs.filter((epoch) => epoch[column] !== null && epoch[column] !== undefined);
  return { x: known.map(({ epoch }) => lastStepOf(run, epoch)), y: known.map((epoch) => epoch[column]) };
}

/** The mark of the best epoch: at its last step, or at its number. */
function bestMark(run, column, hovertemplate, at = (epoch) => lastStepOf(run, epoch.epoch)) {
  const epoch = bestEpoch(run);
  return epoch ? [best({ x: [at(epoch)], y: [epoch[column]], hovertemplate })] : [];
}

/** " The best is epoch 7." */
const bestWords = (run) => (bestEpoch(run) ? ` The best is epoch ${bestEpoch(run).epoch + 1}.` : "");

function lossPerStep() {
  const run = data();
  const { step, loss: raw } = run.steps;
  const smoothed = smooth(raw, smoothing());
  const measured = perEpoch(run, "val_loss");
  return {
    traces: [
      { name: "each step", x: step, y: raw, line: { color: faint("accent", 0.4), width: 1 }, hovertemplate: LOSS },
      { name: "smoothed", x: step, y: smoothed, line: { color: colour("accent"), width: 2.5 }, hovertemplate: LOSS },
      validation({ ...measured, hovertemplate: LOSS }),
      ...bestMark(run, "val_loss", LOSS),
      lossLine(run, ends(run)),
    ].map((trace) => ({ mode: "lines", ...trace })),
    layout: { ...common(), xaxis: steps(), yaxis: lossAxis(run, raw, measured.y) },
    summary: !raw.length
      ? "Line chart of the loss per step, still empty."
      : `Line chart of the loss over ${raw.length} steps: it began at ${loss(raw[0])}` +
        ` and is now ${loss(smoothed.at(-1))}, smoothed.` +
        (measured.y.length ? ` The validation loss is ${loss(measured.y.at(-1))}.` : ""),
  };
}

function accuracy() {
  const run = data();
  const eachStep = smooth(run.steps.accuracy, smoothing());
  const [trained, measured] = [perEpoch(run, "accuracy"), perEpoch(run, "val_accuracy")];
  const faintLine = { color: faint("accent", 0.45), width: 1.5 };
  return {
    traces: [
      { name: "steps", x: run.steps.step, y: eachStep, mode: "lines", line: faintLine, hovertemplate: SHARE },
      training({ ...trained, hovertemplate: SHARE }),
      validation({ ...measured, hovertemplate: SHARE }),
      ...bestMark(run, "val_accuracy", SHARE),
      ...accuracyLines(run, ends(run)),
    ],
    layout: {
      ...common(),
      xaxis: steps(),
      yaxis: axis("Named correctly", {
        tickformat: ".0%",
        range: accuracyRange(run, [...eachStep, ...trained.y, ...measured.y]),
      }),
    },
    summary: !trained.y.length
      ? "Line chart of the accuracy, before the first epoch’s end."
      : `Line chart of the accuracy. After ${trained.y.length} epochs: training ${percent(trained.y.at(-1))},` +
        ` validation ${percent(measured.y.at(-1))}.${bestWords(run)}`,
  };
}

function lossPerEpoch() {
  const run = data();
  const { epochs } = run;
  const [trained, measured] = ["loss", "val_loss"].map((column) => epochs.map((epoch) => epoch[column]));
  const x = epochs.map(({ epoch }) => epoch + 1);
  const ticks = epochs.length ? { dtick: Math.ceil(epochs.length / 10) } : { range: [0.5, 10.5] };
  const [first, last] = [epochs[0], epochs.at(-1)];
  return {
    traces: [
      training({ x, y: trained, hovertemplate: LOSS }),
      validation({ x, y: measured, hovertemplate: LOSS }),
      ...bestMark(run, "val_loss", LOSS, (epoch) => epoch.epoch + 1),
      lossLine(run, [0.5, Math.max(epochs.length, 1) + 0.5]),
    ],
    layout: { ...common(), xaxis: axis("Epoch", ticks), yaxis: lossAxis(run, [], [...trained, ...measured]) },
    summary: !last
      ? "Line chart of the loss per epoch, still empty."
      : `Line chart of the loss per epoch: training ${loss(first.loss)} in the first and ${loss(last.loss)}` +
        ` in the last of ${epochs.length} epochs; validation ${loss(last.val_loss)}.${bestWords(run)}`,
  };
}

function speed() {
  const { step, images, seconds } = data().steps;
  const speeds = seconds.map((time, i) => images[i] / time);
  const fast = { color: colour("accent"), width: 2 };
  return {
    traces: [{ x: step, y: smooth(speeds, 0.8), mode: "lines", line: fast, hovertemplate: "%{y:.3~s} images/s<extra></extra>" }],
    layout: {
      ...common(),
      showlegend: false,
      xaxis: steps(),
      yaxis: axis("Images per second", { rangemode: "tozero" }),
    },
    summary: !speeds.length
      ? "Line chart of the speed, still empty."
      : `Line chart of the speed, last ${three(speeds.at(-1))} images per second.`,
  };
}

export function startCurves() {
  const perStep = [
    new Chart("loss-chart", lossPerStep),
    new Chart("accuracy-chart", accuracy),
    new Chart("speed-chart", speed),
  ];
  const epochs = new Chart("epoch-chart", lossPerEpoch);
  const kernels = new Chart("kernels-chart", () => kernelsChart(data()));

  onRun(({ types }) => {
    const has = (...some) => some.some((type) => types.has(type));
    if (has("run", "shown", "step", "epoch", "config")) for (const chart of perStep) chart.invalidate();
    if (has("run", "shown", "epoch", "config")) epochs.invalidate();
    if (has("run", "shown", "kernels", "end")) {
      $("kernels").hidden = !hasKernels(data());
      kernels.invalidate();
    }
  });
  $("logarithmic").addEventListener("change", () => [...perStep, epochs].forEach((chart) => chart.invalidate()));
  $("smoothing").addEventListener("input", () => {
    setText($("smoothing-text"), smoothing().toFixed(2));
    for (const chart of perStep) chart.invalidate();
  });
}
