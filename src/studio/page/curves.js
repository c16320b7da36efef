// The charts of a run. Each is a function from the run to traces; charts.js decides when to draw.

import { axis, Chart, faint, line } from "./charts.js";
import { $, colour, setText } from "./dom.js";
import { loss, percent, three } from "./format.js";
import { lastStepOf, smooth } from "./run.js";
import { onRun, shownRun } from "./watch.js";

const KERNELS_SHOWN = 14;

const smoothing = () => Number($("smoothing").value);
const none = { steps: { step: [], loss: [], accuracy: [], images: [], seconds: [] }, epochs: [], config: {}, kernels: null };
const data = () => shownRun() ?? none;

/** Zoom is kept while a run goes on, and reset for another one. */
const common = () => ({ uirevision: data().name ?? "none" });

const points = (run, column) => {
  const known = run.epochs.filter((epoch) => epoch[column] !== null && epoch[column] !== undefined);
  return { x: known.map(({ epoch }) => lastStepOf(run, epoch)), y: known.map((epoch) => epoch[column]) };
};

const marker = { symbol: "diamond", size: 8 };

function lossPerStep() {
  const run = data();
  const { step, loss: raw } = run.steps;
  const smoothed = smooth(raw, smoothing());
  const validation = points(run, "val_loss");
  return {
    traces: [
      { name: "each step", x: step, y: raw, mode: "lines", line: { color: faint("accent", 0.32), width: 1 }, hovertemplate: "%{y:.4f}" },
      { name: "smoothed", x: step, y: smoothed, mode: "lines", line: line("accent", 2.5), hovertemplate: "%{y:.4f}" },
      { name: "validation", ...validation, mode: "lines+markers", line: line("ink", 1.5, { dash: "dot" }), marker: { ...marker, color: colour("ink") }, hovertemplate: "%{y:.4f}" },
    ],
    layout: { ...common(), xaxis: axis("Step", { rangemode: "tozero" }), yaxis: axis("Loss", { rangemode: "tozero" }) },
    summary: raw.length
      ? `Line chart of the loss over ${raw.length} steps: it began at ${loss(raw[0])} and is now ${loss(smoothed.at(-1))}, smoothed.`
        + (validation.y.length ? ` The validation loss is ${loss(validation.y.at(-1))}.` : "")
      : "Line chart of the loss per step, still empty.",
  };
}

function accuracyChart() {
  const run = data();
  const { step, accuracy } = run.steps;
  const [training, validation] = [points(run, "accuracy"), points(run, "val_accuracy")];
  const hovertemplate = "%{y:.1%}";
  return {
    traces: [
      { name: "steps, smoothed", x: step, y: smooth(accuracy, smoothing()), mode: "lines", line: { color: faint("accent", 0.4), width: 1.5 }, hovertemplate },
      { name: "training", ...training, mode: "lines+markers", line: line("accent"), marker: { size: 7, color: colour("accent") }, hovertemplate },
      { name: "validation", ...validation, mode: "lines+markers", line: line("ink", 1.5, { dash: "dot" }), marker: { ...marker, color: colour("ink") }, hovertemplate },
    ],
    layout: { ...common(), xaxis: axis("Step", { rangemode: "tozero" }), yaxis: axis("Named correctly", { tickformat: ".0%" }) },
    summary: training.y.length
      ? `Line chart of the accuracy. After ${training.y.length} epochs: training ${percent(training.y.at(-1))}, validation ${percent(validation.y.at(-1))}.`
      : "Line chart of the accuracy, before the first epoch’s end.",
  };
}

function lossPerEpoch() {
  const { epochs } = data();
  const x = epochs.map(({ epoch }) => epoch + 1);
  const hovertemplate = "%{y:.4f}";
  return {
    traces: [
      { name: "training", x, y: epochs.map((epoch) => epoch.loss), mode: "lines+markers", line: line("accent"), marker: { size: 7, color: colour("accent") }, hovertemplate },
      { name: "validation", x, y: epochs.map((epoch) => epoch.val_loss), mode: "lines+markers", line: line("ink", 1.5, { dash: "dot" }), marker: { ...marker, color: colour("ink") }, hovertemplate },
    ],
    layout: { ...common(), xaxis: axis("Epoch", { dtick: epochs.length > 20 ? 5 : 1, range: epochs.length ? undefined : [0.5, 10.5] }), yaxis: axis("Loss", { rangemode: "tozero" }) },
    summary: epochs.length
      ? `Line chart of the loss per epoch: training ${loss(epochs[0].loss)} in the first and ${loss(epochs.at(-1).loss)} in the last of ${epochs.length} epochs; validation ${loss(epochs.at(-1).val_loss)}.`
      : "Line chart of the loss per epoch, still empty.",
  };
}

function speedChart() {
  const { steps, config } = data();
  const speeds = steps.seconds.map((seconds, i) => steps.images[i] / seconds);
  const rate = config.learning_rate;
  return {
    traces: [
      { name: "images per second", x: steps.step, y: smooth(speeds, Math.min(0.8, smoothing())), mode: "lines", line: line("accent"), hovertemplate: "%{y:.3~s} images/s" },
      { name: "learning rate", x: steps.step, y: steps.step.map(() => rate), yaxis: "y2", mode: "lines", line: line("ink", 1.5, { dash: "dot" }), hovertemplate: "%{y}" },
    ],
    layout: {
      ...common(), margin: { l: 52, r: 60, t: 8, b: 44 },
      xaxis: axis("Step", { rangemode: "tozero" }), yaxis: axis("Images per second", { rangemode: "tozero" }),
      yaxis2: axis("Learning rate", { overlaying: "y", side: "right", showgrid: false, rangemode: "tozero", exponentformat: "power", range: [0, (rate || 0.001) * 1.5] }),
    },
    summary: speeds.length
      ? `Line chart of the speed, last ${three(speeds.at(-1))} images per second, at a learning rate of ${rate}.`
      : "Line chart of speed and learning rate, still empty.",
  };
}

function kernelsChart() {
  const event = data().kernels;
  const all = (event?.kernels ?? []).toSorted((a, b) => b.ms - a.ms);
  const rows = all.slice(0, KERNELS_SHOWN);
  const rest = all.slice(KERNELS_SHOWN);
  const label = ({ layer, kernel }) => (layer ? `${layer}  ${kernel}` : kernel);
  const about = (row) => [
    `${label(row)}: ${three(row.ms)} ms, ${percent(row.share)} of the step`,
    [`rung ${row.rung}`, row.groups && `${row.groups} groups`, row.passes > 1 && `${row.passes} passes`].filter(Boolean).join(", "),
    [row.gflops && `${three(row.gflops)} GFLOP/s`, row.gbs && `${three(row.gbs)} GB/s`].filter(Boolean).join(", "),
  ].filter(Boolean).join("<br>");
  const names = rows.map(label);
  const values = rows.map(({ ms }) => ms);
  const texts = rows.map(about);
  if (rest.length) {
    names.push(`${rest.length} others`);
    values.push(rest.reduce((sum, { ms }) => sum + ms, 0));
    texts.push(`${rest.length} other kernels: ${three(values.at(-1))} ms`);
  }
  setText($("kernels-note"), event ? `step ${event.step}: ${three(event.ms)} ms` : "measured now and then while training");
  return {
    traces: [{ type: "bar", orientation: "h", x: values, y: names, hovertext: texts, hoverinfo: "text", textposition: "none", marker: { color: colour("accent") } }],
    layout: {
      ...common(), hovermode: "closest", showlegend: false, bargap: 0.25,
      xaxis: axis("Milliseconds in one step", { rangemode: "tozero" }),
      yaxis: { ...axis(""), autorange: "reversed", tickfont: { size: 10, color: colour("muted"), family: "ui-monospace, monospace" } },
    },
    summary: rows.length
      ? `Bar chart of the time per kernel in step ${event.step}: ${rows.slice(0, 3).map((row) => `${label(row)} ${three(row.ms)} ms`).join(", ")}.`
      : "Bar chart of the time per kernel, not measured yet.",
  };
}

export function startCurves() {
  const steps = [["loss-chart", lossPerStep], ["accuracy-chart", accuracyChart], ["speed-chart", speedChart]].map(([id, build]) => new Chart(id, build));
  const epochs = new Chart("epoch-chart", lossPerEpoch);
  const kernels = new Chart("kernels-chart", kernelsChart);
  const all = [...steps, epochs, kernels];

  onRun(({ types }) => {
    if (types.has("run") || types.has("shown")) for (const chart of all) chart.invalidate();
    if (types.has("step") || types.has("epoch")) for (const chart of steps) chart.invalidate();
    if (types.has("epoch")) epochs.invalidate();
    if (types.has("kernels")) kernels.invalidate();
  });
  $("smoothing").addEventListener("input", () => {
    setText($("smoothing-text"), smoothing().toFixed(2));
    for (const chart of steps) chart.invalidate();
  });
}
