// The curves of several runs over each other.

import { api, get } from "./api.js";
import { axis, Chart, plain } from "./charts.js";
import { $, colour, el, replace } from "./dom.js";
import { loss, percent } from "./format.js";
import { accuracyRange, lossLine, lossRange } from "./guessing.js";
import { lastStepOf, nameOf, runFromFolder, smooth } from "./run.js";
import { liveRun, onRun } from "./watch.js";

const COLOURS = 8; // --run-1 … --run-8 in the style sheet; told apart by dashes after that
const DASHES = ["solid", "dash", "dot"];

const METRICS = {
  val_accuracy: ["Validation accuracy", "per epoch", ".0%"],
  val_loss: ["Validation loss", "per epoch", null],
  accuracy: ["Training accuracy", "per epoch", ".0%"],
  loss: ["Training loss", "per epoch", null],
  steps: ["Training loss, each step", "smoothed", null],
};

const chosen = new Map(); // name -> run, in the order in which they were ticked
const slots = []; // names by colour, so that a run keeps its colour while others come and go
let chart = null;

const slotOf = (name) => slots.indexOf(name);
const runColour = (slot) => colour(`run-${(slot % COLOURS) + 1}`);

export const isCompared = (name) => chosen.has(name);
export const comparesNone = () => chosen.size === 0;

/** Puts a run into the chart, or takes it out. */
export async function compare(name, isChosen) {
  if (isChosen) {
    const run = runFromFolder(await get(api`/api/runs/${name}`));
    chosen.set(name, liveRun()?.name === name ? liveRun() : run);
    const free = slots.indexOf(undefined);
    if (slotOf(name) < 0) slots[free < 0 ? slots.length : free] = name;
  } else {
    chosen.delete(name);
    if (slotOf(name) >= 0) slots[slotOf(name)] = undefined;
  }
  drawSwatches();
  chart.invalidate();
}

/** Runs that are gone leave the chart; names may be others. */
export function compareAmong(runs) {
  const known = new Map(runs.map((run) => [run.name, run]));
  for (const [name, run] of chosen) {
    if (known.has(name)) run.title = known.get(name).title;
    else compare(name, false);
  }
  chart.invalidate();
}

export function drawSwatches() {
  for (const swatch of document.querySelectorAll("[data-swatch]")) {
    const slot = slotOf(swatch.dataset.swatch);
    swatch.style.background = slot < 0 ? "transparent" : `var(--run-${(slot % COLOURS) + 1})`;
  }
}

function build() {
  const metric = $("compare").value;
  const [title, how, tickformat] = METRICS[metric];
  const isStep = metric === "steps";
  const traces = [...chosen.values()].map((run) => {
    const known = isStep ? [] : run.epochs.filter((epoch) => epoch[metric] !== null);
    const slot = slotOf(run.name);
    return {
      name: plain(nameOf(run)),
      mode: isStep ? "lines" : "lines+markers",
      x: isStep ? run.steps.step : known.map(({ epoch }) => lastStepOf(run, epoch)),
      y: isStep ? smooth(run.steps.loss, 0.95) : known.map((epoch) => epoch[metric]),
      line: { color: runColour(slot), width: 2, dash: DASHES[Math.floor(slot / COLOURS) % DASHES.length] },
      marker: { color: runColour(slot), size: 7 },
      hovertemplate: tickformat ? "%{y:.1%}" : "%{y:.4f}",
    };
  });
  const last = traces
    .filter(({ y }) => y.length)
    .map(({ name, y }) => `${name} ends at ${tickformat ? percent(y.at(-1)) : loss(y.at(-1))}`);
  return {
    traces: traces.length && !tickformat ? [...traces, guess(traces)] : traces,
    layout: {
      uirevision: metric,
      // Without lines, Plotly would choose ranges that mean nothing.
      xaxis: axis("Step", traces.length ? { rangemode: "tozero" } : { range: [0, 100] }),
      yaxis: axis(`${title} (${how})`, { tickformat, range: traces.length ? range(traces, tickformat) : [0, 1] }),
      annotations: traces.length ? [] : [HINT()],
    },
    summary: last.length
      ? `${title} of ${last.length} runs: ${last.join("; ")}.`
      : "Comparison of runs: none is ticked.",
  };
}

const first = () => chosen.values().next().value;
const guess = (traces) => lossLine(first(), [0, Math.max(10, ...traces.flatMap(({ x }) => x.at(-1) ?? 0))]);

function range(traces, isShare) {
  const values = traces.flatMap(({ y }) => y);
  return isShare ? accuracyRange(first(), values) : lossRange(first(), values, [], false).range;
}

const HINT = () => ({
  text: "Tick runs in the table to compare them",
  showarrow: false,
  xref: "paper",
  yref: "paper",
  x: 0.5,
  y: 0.5,
  font: { color: colour("muted"), size: 14 },
});

export function startComparison() {
  replace(
    $("compare"),
    Object.entries(METRICS).map(([value, [title, how]]) => el("option", { value }, `${title}, ${how}`)),
  );
  chart = new Chart("compare-chart", build);
  $("compare").addEventListener("change", () => chart.invalidate());
  onRun(({ run, types }) => {
    if (run && chosen.has(run.name) && (types.has("step") || types.has("epoch"))) chart.invalidate();
  });
}
