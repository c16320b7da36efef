// The filters of the first convolution, as 3x3 tiles: the weights themselves.

import { api, get } from "./api.js";
import { faint } from "./charts.js";
import { el } from "./dom.js";
import { precise } from "./format.js";

const CELL = 10;

/** A strip of tiles in two colours: the accent for positive weights, orange for negative ones. */
export async function filtersView(inside) {
  let answer;
  try {
    answer = await get(api`/api/inside/${inside}/filters`);
  } catch {
    return null; // a later answer is on its way, or the page says already what is wrong
  }
  const { filters, height, width } = answer;
  const largest = Math.max(...filters.flat(2).map(Math.abs)) || 1;
  const tiles = filters.map(([weights], i) => tile(weights, { height, width, largest, i }));
  return el(
    "figure",
    { class: "filters" },
    el(
      "figcaption",
      {},
      `Its ${filters.length} filters`,
      el(
        "span",
        { class: "hint" },
        ` ${height} × ${width} weights each: `,
        el("span", { class: "key plus" }, "positive"),
        " ",
        el("span", { class: "key minus" }, "negative"),
        `, the largest ${precise(largest)}`,
      ),
    ),
    el("ul", { class: "tiles-of-filters" }, tiles),
  );
}

function tile(weights, { height, width, largest, i }) {
  const canvas = el("canvas", {
    width: width * CELL,
    height: height * CELL,
    role: "img",
    title: `filter ${i}: ${weights.map(precise).join(", ")}`,
    "aria-label": `Filter ${i}`,
  });
  const context = canvas.getContext("2d");
  weights.forEach((weight, k) => {
    context.fillStyle = faint(weight >= 0 ? "plus" : "minus", Math.abs(weight) / largest);
    context.fillRect((k % width) * CELL, Math.floor(k / width) * CELL, CELL, CELL);
  });
  return el("li", {}, canvas);
}
