// The table of runs: which columns there are, which rows, in which order.

import { $, el, replace, setText } from "./dom.js";
import { integer, NONE, percent, timeTaken } from "./format.js";
import { nameOf } from "./run.js";
import { addressOf } from "./views.js";

const given = (value) => (value === null ? NONE : String(value));

/** `value` is what is sorted by, `text` what is shown. */
const COLUMNS = [
  { key: "name", label: "Run", value: (run) => run.name },
  { key: "end", label: "End", value: (run) => run.end },
  { key: "best", label: "Best accuracy", value: (run) => run.best_val_accuracy, text: (x) => percent(x) },
  { key: "last", label: "Last accuracy", value: (run) => run.val_accuracy, text: (x) => percent(x) },
  { key: "epochs", label: "Epochs", value: (run) => run.epochs_done, text: (done, run) => `${done}/${given(run.epochs)}` },
  { key: "rate", label: "Learning rate", value: (run) => run.learning_rate, text: given },
  { key: "batch", label: "Batch size", value: (run) => run.batch_size, text: given },
  { key: "pixels", label: "Image size", value: (run) => run.image_size, text: given },
  { key: "network", label: "Network", value: (run) => run.network, text: network },
  { key: "seed", label: "Seed", value: (run) => run.seed, text: given },
  { key: "time", label: "Time taken", value: (run) => run.seconds, text: timeTaken },
  { key: "data", label: "Training pictures", value: (run) => run.train_dir, text: data },
];

function data(dir, { training_pictures: pictures }) {
  return pictures === null ? given(dir) : `${integer(pictures)} of ${given(dir)}`;
}

/** "small, colour, 10 classes": what is not the usual is said. A run of an earlier version does not say its network. */
function network(name, { color, classes }) {
  return [given(name), color === "rgb" && "colour", classes > 2 && `${classes} classes`].filter(Boolean).join(", ");
}

const order = { key: "name", isDescending: true };
let runs = [];
let parts = null; // {compare(run), actions(run), show(run)}: what a row can do

/** Everything of a run that a person may look for. */
const words = (run) =>
  [run.name, run.title, run.end, run.reason, run.train_dir, run.test_dir, run.network, run.color, `seed ${run.seed}`]
    .filter(Boolean)
    .join(" ")
    .toLowerCase();

function visible() {
  const wanted = $("runs-filter").value.trim().toLowerCase().split(/\s+/);
  const state = $("runs-state").value;
  const { value } = COLUMNS.find(({ key }) => key === order.key);
  return runs
    .filter((run) => (!state || run.state === state) && wanted.every((word) => words(run).includes(word)))
    .toSorted((a, b) => inOrder(value(a), value(b)) || b.name.localeCompare(a.name));
}

/** Runs that do not know the value come last either way. */
function inOrder(a, b) {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  const rising = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return order.isDescending ? -rising : rising;
}

function head() {
  const cell = ({ key, label }) => {
    const isSorted = key === order.key;
    const arrow = isSorted ? (order.isDescending ? " ▼" : " ▲") : "";
    const sort = isSorted && (order.isDescending ? "descending" : "ascending");
    const act = () => sortBy(key, isSorted ? !order.isDescending : key !== "name" && key !== "end");
    return el(
      "th",
      { scope: "col", "aria-sort": sort || null },
      el("button", { type: "button", class: "sort", "data-key": `sort ${key}`, onclick: act }, label + arrow),
    );
  };
  return el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Compare"), COLUMNS.map(cell)));
}

function runCell(run) {
  return el(
    "th",
    { scope: "row", "data-label": "Run" },
    el("span", { class: "swatch", "data-swatch": run.name }),
    el(
      "a",
      {
        href: addressOf(run.name),
        class: "run-link",
        "data-key": `show ${run.name}`,
        onclick: (event) => {
          // In another tab the address does it.
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          parts.show(run);
        },
      },
      nameOf(run),
    ),
    run.title && el("span", { class: "hint folder" }, run.name),
  );
}

function endCell(run) {
  return el(
    "td",
    { "data-label": "End" },
    el("span", { class: `state ${run.state}` }, run.end),
    [run.reason, run.problem].filter(Boolean).map((why) => el("span", { class: "hint reason" }, why)),
  );
}

function body(run) {
  const plain = ({ key, label, value, text }) =>
    el("td", { "data-label": label, class: { data: "data", network: "number network" }[key] ?? "number" }, text(value(run), run));
  return el(
    "tbody",
    { "data-run": run.name },
    el(
      "tr",
      { class: "run-facts" },
      el("td", { class: "compare", rowspan: 2 }, parts.compare(run)),
      runCell(run),
      endCell(run),
      COLUMNS.slice(2).map(plain),
    ),
    el("tr", { class: "run-actions" }, el("td", { colspan: COLUMNS.length }, el("div", { class: "buttons" }, parts.actions(run)))),
  );
}

/** Draws it anew; whoever is in it stays where he is. */
export function drawTable() {
  const table = $("runs-table");
  const focused = table.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const rows = visible();
  replace(table, el("caption", { class: "hidden-text" }, "Runs"), head(), rows.map(body));
  const all = rows.length === runs.length;
  setText($("runs-count"), !runs.length ? "No run yet." : all ? "" : `${rows.length} of ${runs.length} runs`);
  if (focused) table.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function sortBy(key, isDescending) {
  Object.assign(order, { key, isDescending });
  $("runs-sort").value = key;
  setText($("runs-direction"), isDescending ? "▼ falling" : "▲ rising");
  parts.redraw();
}

const STATES = ["running", "finished", "stopped", "diverged", "failed", "killed", "ended"];

/** `rows` says what a row can do: `compare(run)` and `actions(run)` build nodes, `show(run)` follows its link. */
export function startTable(rows) {
  parts = rows;
  replace(
    $("runs-state"),
    el("option", { value: "" }, "all"),
    STATES.map((state) => el("option", { value: state }, state)),
  );
  replace(
    $("runs-sort"),
    COLUMNS.map(({ key, label }) => el("option", { value: key }, label)),
  );
  $("runs-filter").addEventListener("input", rows.redraw);
  $("runs-state").addEventListener("change", rows.redraw);
  $("runs-sort").addEventListener("change", ({ target }) => sortBy(target.value, order.isDescending));
  $("runs-direction").addEventListener("click", () => sortBy(order.key, !order.isDescending));
  sortBy(order.key, order.isDescending);
}

export function setRuns(all) {
  runs = all;
  parts.redraw();
}
