// Past runs: a table, and curves over each other.

import { api, get } from "./api.js";
import { axis, Chart, plain } from "./charts.js";
import { useConfiguration } from "./config.js";
import { $, colour, el, replace, row, setText } from "./dom.js";
import { integer, loss, percent } from "./format.js";
import { chooseModel, onRuns, refreshRuns } from "./models.js";
import { lastStepOf, runFromFolder, smooth } from "./run.js";
import { goTo, onView } from "./views.js";
import { liveRun, onRun, showRun } from "./watch.js";

const COLUMNS = ["Compare", "Run", "State", "Pixels", "Epochs", "Validation accuracy", "Validation loss", ""];
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

function table(runs) {
  const rows = runs.map((run) =>
    el(
      "tr",
      { "data-run": run.name },
      el(
        "td",
        {},
        el("label", { class: "check" }, checkbox(run), el("span", { class: "hidden-text" }, `Compare ${run.name}`)),
      ),
      el("th", { scope: "row" }, el("span", { class: "swatch", "data-swatch": run.name }), run.name),
      el(
        "td",
        {},
        el("span", { class: `state ${run.state}` }, run.state),
        run.problem && el("span", { class: "hint" }, ` ${run.problem}`),
      ),
      [integer(run.image_size), `${run.epochs_done}/${run.epochs}`, percent(run.val_accuracy), loss(run.val_loss)].map(
        (text) => el("td", { class: "number" }, text),
      ),
      el(
        "td",
        {},
        el(
          "div",
          { class: "buttons" },
          action("Show", "Show the curves", run, show),
          action("Settings", "Use the settings", run, useSettings),
          run.model &&
            action("Predict", "Predict", run, () => {
              chooseModel("predict-run", run.name);
              goTo("predict");
            }),
          run.model &&
            action("Inside", "Look inside", run, () => {
              chooseModel("inside-run", run.name);
              goTo("inside");
            }),
        ),
      ),
    ),
  );
  const focused = $("runs-table").contains(document.activeElement) ? document.activeElement.dataset.key : null;
  replace(
    $("runs-table"),
    el("caption", { class: "hidden-text" }, "Runs, the newest first"),
    el(
      "thead",
      {},
      row(
        "th",
        { scope: "col" },
        COLUMNS.map((name) => name || el("span", { class: "hidden-text" }, "Actions")),
      ),
    ),
    el("tbody", {}, rows),
  );
  setText($("runs-note"), runs.length ? "" : "No run yet.");
  swatches();
  // The table is built anew after every epoch; whoever is in it stays where he is.
  if (focused)
    $("runs-table")
      .querySelector(`[data-key="${CSS.escape(focused)}"]`)
      ?.focus({ preventScroll: true });
}

const action = (text, meaning, run, act) =>
  el(
    "button",
    {
      type: "button",
      class: "small",
      title: meaning,
      "aria-label": `${text}: ${run.name}`,
      "data-key": `${text} ${run.name}`,
      onclick: () => Promise.resolve(act(run)).catch((why) => setText($("runs-note"), why.message)),
    },
    text,
  );

function checkbox(run) {
  return el("input", {
    type: "checkbox",
    "data-key": `Compare ${run.name}`,
    checked: chosen.has(run.name),
    onchange: async ({ target }) => {
      try {
        await choose(run.name, target.checked);
      } catch (why) {
        target.checked = false;
        setText($("runs-note"), why.message);
      }
    },
  });
}

async function choose(name, isChosen) {
  if (isChosen) {
    const run = runFromFolder(await get(api`/api/runs/${name}`));
    chosen.set(name, liveRun()?.name === name ? liveRun() : run);
    const free = slots.indexOf(undefined);
    slots[free < 0 ? slots.length : free] = name;
  } else {
    chosen.delete(name);
    if (slotOf(name) >= 0) slots[slotOf(name)] = undefined;
  }
  swatches();
  chart.invalidate();
}

function swatches() {
  for (const swatch of document.querySelectorAll("[data-swatch]")) {
    const slot = slotOf(swatch.dataset.swatch);
    swatch.style.background = slot < 0 ? "transparent" : `var(--run-${(slot % COLOURS) + 1})`;
  }
}

async function show({ name }) {
  await showRun(name);
  goTo("train");
  $("analytics-title").scrollIntoView();
}

async function useSettings({ name }) {
  const { config } = await get(api`/api/runs/${name}`);
  const { device, ...values } = config; // a run records the device's name, which is no choice of the form
  useConfiguration(values);
  goTo("train");
}

function build() {
  const metric = $("compare").value;
  const [title, how, tickformat] = METRICS[metric];
  const isStep = metric === "steps";
  const traces = [...chosen.values()].map((run) => {
    const known = isStep ? [] : run.epochs.filter((epoch) => epoch[metric] !== null);
    const slot = slotOf(run.name);
    return {
      name: plain(run.name),
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
    traces,
    layout: {
      uirevision: metric,
      // Without lines, Plotly would choose ranges that mean nothing.
      xaxis: axis("Step", traces.length ? { rangemode: "tozero" } : { range: [0, 100] }),
      yaxis: axis(`${title} (${how})`, { tickformat, range: traces.length ? undefined : [0, 1] }),
      annotations: traces.length
        ? []
        : [
            {
              text: "Tick runs in the table to compare them",
              showarrow: false,
              xref: "paper",
              yref: "paper",
              x: 0.5,
              y: 0.5,
              font: { color: colour("muted"), size: 14 },
            },
          ],
    },
    summary: last.length
      ? `${title} of ${last.length} runs: ${last.join("; ")}.`
      : "Comparison of runs: none is ticked.",
  };
}

export function startRuns() {
  replace(
    $("compare"),
    Object.entries(METRICS).map(([value, [title, how]]) => el("option", { value }, `${title}, ${how}`)),
  );
  chart = new Chart("compare-chart", build);
  $("compare").addEventListener("change", () => chart.invalidate());
  const refresh = () => refreshRuns().catch((why) => setText($("runs-note"), why.message));
  $("refresh-runs").addEventListener("click", refresh);
  onView((view) => view === "runs" && refresh());
  onRuns((runs) => {
    table(runs);
    const isNewToThePage = chosen.size === 0 && !$("runs-table").dataset.touched;
    $("runs-table").dataset.touched = "yes";
    if (isNewToThePage && runs.length)
      choose(runs[0].name, true).then(
        () => table(runs),
        () => {},
      );
  });
  onRun(({ run, types }) => {
    if (run && chosen.has(run.name) && (types.has("step") || types.has("epoch"))) chart.invalidate();
  });
}
