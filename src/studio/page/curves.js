// The curves of a run. Each chart is a function from the run to traces; charts.js decides when to draw.

import { axis, Chart, faint, training, validation } from "./charts.js";
import { $, colour, setText } from "./dom.js";
import { loss, percent, three } from "./format.js";
import { kernelsChart } from "./kernels.js";
import { emptyRun, lastStepOf, smooth } from "./run.js";
import { onRun, shownRun } from "./watch.js";

const LOSS = "%{y:.4f}";
const SHARE = "%{y:.1%}";
const NOTHING = emptyRun("none", {});

const data = () => shownRun() ?? NOTHING;
const smoothing = () => Number($("smoothing").value);

/** Zoom is kept while a run goes on, and reset for another one. */
const common = () => ({ uirevision: data().name });
const steps = () => axis("Step", { rangemode: "tozero" });

/** A column of the epochs, each at the epoch's last step. */
function perEpoch(run, column) {
  const known = run.epochs.filter((epoch) => epoch[column] !== null && epoch[column] !== undefined);
  return { x: known.map(({ epoch }) => lastStepOf(run, epoch)), y: known.map((epoch) => epoch[column]) };
}

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
    ].map((trace) => ({ mode: "lines", ...trace })),
    layout: { ...common(), xaxis: steps(), yaxis: axis("Loss", { rangemode: "tozero" }) },
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
    ],
    layout: { ...common(), xaxis: steps(), yaxis: axis("Named correctly", { tickformat: ".0%", range: [0, 1.03] }) },
    summary: !trained.y.length
      ? "Line chart of the accuracy, before the first epoch’s end."
      : `Line chart of the accuracy. After ${trained.y.length} epochs: training ${percent(trained.y.at(-1))},` +
        ` validation ${percent(measured.y.at(-1))}.`,
  };
}

function lossPerEpoch() {
  const { epochs } = data();
  const x = epochs.map(({ epoch }) => epoch + 1);
  const ticks = epochs.length ? { dtick: Math.ceil(epochs.length / 10) } : { range: [0.5, 10.5] };
  const [first, last] = [epochs[0], epochs.at(-1)];
  return {
    traces: [
      training({ x, y: epochs.map((epoch) => epoch.loss), hovertemplate: LOSS }),
      validation({ x, y: epochs.map((epoch) => epoch.val_loss), hovertemplate: LOSS }),
    ],
    layout: { ...common(), xaxis: axis("Epoch", ticks), yaxis: axis("Loss", { rangemode: "tozero" }) },
    summary: !last
      ? "Line chart of the loss per epoch, still empty."
      : `Line chart of the loss per epoch: training ${loss(first.loss)} in the first and ${loss(last.loss)}` +
        ` in the last of ${epochs.length} epochs; validation ${loss(last.val_loss)}.`,
  };
}

function speed() {
  const {
    steps: { step, images, seconds },
    config,
  } = data();
  const speeds = seconds.map((time, i) => images[i] / time);
  const rate = config.learning_rate;
  const rates = step.map(() => rate);
  const fast = { color: colour("accent"), width: 2 };
  const right = {
    overlaying: "y",
    side: "right",
    showgrid: false,
    exponentformat: "power",
    range: [0, (rate || 0.001) * 1.5],
  };
  return {
    traces: [
      { name: "images per second", x: step, y: smooth(speeds, 0.8), line: fast, hovertemplate: "%{y:.3~s} images/s" },
      { ...validation({ x: step, y: rates }), name: "learning rate", yaxis: "y2", hovertemplate: "%{y}" },
    ].map((trace) => ({ ...trace, mode: "lines" })),
    layout: {
      ...common(),
      margin: { l: 52, r: 60, t: 8, b: 44 },
      xaxis: steps(),
      yaxis: axis("Images per second", { rangemode: "tozero" }),
      yaxis2: axis("Learning rate", right),
    },
    summary: !speeds.length
      ? "Line chart of speed and learning rate, still empty."
      : `Line chart of the speed, last ${three(speeds.at(-1))} images per second, at a learning rate of ${rate}.`,
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
    if (has("run", "shown", "epoch")) epochs.invalidate();
    if (has("run", "shown", "kernels")) kernels.invalidate();
  });
  $("smoothing").addEventListener("input", () => {
    setText($("smoothing-text"), smoothing().toFixed(2));
    for (const chart of perStep) chart.invalidate();
  });
}
