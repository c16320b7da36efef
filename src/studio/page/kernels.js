// The chart of the time per kernel, from the last step that was measured.

import { axis } from "./charts.js";
import { $, colour, setText } from "./dom.js";
import { percent, three } from "./format.js";

/** The slowest; the others are added up in one bar. */
const SHOWN = 14;
/** Where there is less room, only the entry point is named; hovering shows the whole name. */
const ROOM_FOR_NAMES = 420;

const fullName = ({ layer, kernel }) => (layer ? `${layer}  ${kernel}` : kernel);
const shortName = ({ layer, kernel }) => `${layer} ${kernel.split(".").at(-1)}`;

/** What hovering over a bar shows. */
function details(row) {
  const how = [`rung ${row.rung}`, row.groups && `${row.groups} groups`, row.passes > 1 && `${row.passes} passes`];
  const rates = [row.gflops && `${three(row.gflops)} GFLOP/s`, row.gbs && `${three(row.gbs)} GB/s`];
  return [
    `${fullName(row)}: ${three(row.ms)} ms, ${percent(row.share)} of the step`,
    how.filter(Boolean).join(", "),
    rates.filter(Boolean).join(", "),
  ]
    .filter(Boolean)
    .join("<br>");
}

/** Whether the run tells, or may tell, times of kernels: the folder of a past one does not. */
export const hasKernels = (run) => Boolean(run.kernels) || run.state === "running";

export function kernelsChart({ name, kernels: event }) {
  const all = (event?.kernels ?? []).toSorted((a, b) => b.ms - a.ms);
  const nameOf = $("kernels-chart").clientWidth < ROOM_FOR_NAMES ? shortName : fullName;
  const bars = all.slice(0, SHOWN).map((row) => ({ name: nameOf(row), ms: row.ms, text: details(row) }));
  const rest = all.slice(SHOWN);
  if (rest.length) {
    const ms = rest.reduce((sum, row) => sum + row.ms, 0);
    bars.push({ name: `${rest.length} others`, ms, text: `${rest.length} other kernels: ${three(ms)} ms` });
  }
  setText($("kernels-note"), event ? `step ${event.step}: ${three(event.ms)} ms` : "measured now and then");
  const places = bars.map((_, i) => i);
  const names = {
    autorange: "reversed",
    showgrid: false,
    tickvals: places,
    ticktext: bars.map((bar) => bar.name),
    tickfont: { size: 10, color: colour("muted"), family: "ui-monospace, monospace" },
  };
  return {
    traces: [
      {
        type: "bar",
        orientation: "h",
        x: bars.map(({ ms }) => ms),
        y: places,
        hovertext: bars.map(({ text }) => text),
        hoverinfo: "text",
        marker: { color: colour("accent") },
      },
    ],
    layout: {
      uirevision: name,
      hovermode: "closest",
      showlegend: false,
      bargap: 0.25,
      margin: { l: 52, r: 16, t: 26, b: 44 },
      xaxis: axis("Milliseconds", { rangemode: "tozero" }),
      yaxis: axis("", names),
    },
    summary: event
      ? `Bar chart of the time per kernel in step ${event.step}: ` +
        `${all
          .slice(0, 3)
          .map((row) => `${fullName(row)} ${three(row.ms)} ms`)
          .join(", ")}.`
      : "Bar chart of the time per kernel, not measured yet.",
  };
}
