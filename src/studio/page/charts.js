// Charts by Plotly, which is large: it is loaded after the first paint, and until then the charts' places
// are kept free. All charts share one clock, so that training, which needs the processor, is not slowed down:
// only what is in view is drawn, a few times a second, and less often if drawing takes long.

import { $, colour, el } from "./dom.js";

const LEAST_MS = 220;
/** Drawing may take this part of the time. */
const SHARE = 0.15;

/** Narrower charts have no buttons, which would cover the legend; a double click resets them, too. */
const ROOM_FOR_BUTTONS = 720;

const charts = new Set();
let plotly = null;
let nextDraw = 0;
let isScheduled = false;
let revision = 0;

/** Loads Plotly once the page has been painted. */
export function loadPlotly() {
  requestAnimationFrame(() =>
    setTimeout(() => {
      const script = el("script", { src: "/plotly.js", async: true });
      script.addEventListener("load", () => {
        plotly = window.Plotly;
        for (const chart of charts) chart.invalidate();
      });
      script.addEventListener("error", () => {
        for (const chart of charts) chart.node.textContent = "The chart library could not be loaded: reload the page.";
      });
      document.head.append(script);
    }),
  );
}

export class Chart {
  /** `build()` returns {traces, layout, summary}; the summary is the chart in words. */
  constructor(id, build) {
    this.node = $(id);
    this.build = build;
    this.isDirty = true;
    this.isInView = false;
    this.node.setAttribute("role", "img");
    this.node.setAttribute("aria-label", "Chart, still empty");
    charts.add(this);
    new IntersectionObserver(
      (entries) => {
        this.isInView = entries.at(-1).isIntersecting; // a busy page gets several at once
        if (this.isDirty) schedule();
      },
      { rootMargin: "150px" },
    ).observe(this.node);
    new ResizeObserver(() => this.invalidate()).observe(this.node);
  }

  /** Something is new: to be drawn when it is time. */
  invalidate() {
    this.isDirty = true;
    schedule();
  }

  get isDue() {
    return this.isDirty && this.isInView && this.node.clientWidth > 0;
  }

  draw() {
    this.isDirty = false;
    const { traces, layout, summary } = this.build();
    const { clientWidth: width, clientHeight: height } = this.node;
    plotly.react(
      this.node,
      traces,
      { ...baseLayout(), ...layout, width, height, datarevision: ++revision },
      { ...CONFIG, displayModeBar: width < ROOM_FOR_BUTTONS ? false : "hover" },
    );
    this.node.setAttribute("aria-label", summary);
  }
}

function schedule() {
  if (isScheduled || !plotly) return;
  isScheduled = true;
  setTimeout(() => requestAnimationFrame(drawDue), Math.max(0, nextDraw - performance.now()));
}

function drawDue() {
  isScheduled = false;
  const begin = performance.now();
  for (const chart of charts) if (chart.isDue) chart.draw();
  const took = performance.now() - begin;
  nextDraw = performance.now() + Math.max(LEAST_MS, took / SHARE);
}

document.addEventListener("themechange", () => {
  for (const chart of charts) chart.invalidate();
});

const CONFIG = {
  displaylogo: false,
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]],
  doubleClick: "reset",
};

/** An axis with a title in plain words. */
export function axis(title, options = {}) {
  return {
    title: { text: title, font: { size: 12, color: colour("muted") }, standoff: 8 },
    gridcolor: colour("line"),
    zeroline: false,
    linecolor: colour("line"),
    tickfont: { size: 11, color: colour("muted") },
    automargin: true,
    ...options,
  };
}

function baseLayout() {
  return {
    autosize: false,
    margin: { l: 52, r: 16, t: 8, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 12 } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
    showlegend: true,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("accent"), orientation: "h" },
    dragmode: "zoom",
  };
}

/** A line of what was trained on: in the accent. */
export const training = (trace) => ({
  name: "training",
  mode: "lines+markers",
  line: { color: colour("accent"), width: 2 },
  marker: { size: 7, color: colour("accent") },
  ...trace,
});

/** A line of what was measured: in ink, dotted and with other marks, so that no one needs the colours. */
export const validation = (trace) => ({
  name: "validation",
  mode: "lines+markers",
  line: { color: colour("ink"), width: 1.5, dash: "dot" },
  marker: { symbol: "diamond", size: 8, color: colour("ink") },
  ...trace,
});

/** A mark on a line of what was measured, at the best epoch. */
export const best = (trace) => ({
  name: "best epoch",
  mode: "markers",
  marker: { symbol: "star", size: 15, color: colour("accent"), line: { color: colour("ink"), width: 1 } },
  ...trace,
});

/** `rgb(1, 2, 3)` with another opacity. */
export function faint(name, alpha) {
  const [r, g, b] = colour(name).match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** Text from outside for a chart: Plotly would take tags in it for formatting. */
export const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
