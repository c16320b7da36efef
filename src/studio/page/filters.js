// The filters of the first convolution, as 3x3 tiles: the weights themselves. Those of pictures in colour are colours: as much
// red, green and blue as the weights have, where gray is 0.

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
  const isColoured = filters[0]?.length === 3;
  const tiles = filters.map((channels, i) => tile(channels, { height, width, largest, i }));
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
        isColoured
          ? "their red, green and blue, where gray is 0"
          : [el("span", { class: "key plus" }, "positive"), " ", el("span", { class: "key minus" }, "negative")],
        `, the largest ${precise(largest)}`,
      ),
    ),
    el("ul", { class: "tiles-of-filters" }, tiles),
  );
}

function tile(channels, { height, width, largest, i }) {
  const canvas = el("canvas", {
    width: width * CELL,
    height: height * CELL,
    role: "img",
    title: `filter ${i}: ${channels.flat().map(precise).join(", ")}`,
    "aria-label": `Filter ${i}`,
  });
  const context = canvas.getContext("2d");
  const part = (weight) => Math.round(127.5 * (1 + weight / largest));
  channels[0].forEach((weight, k) => {
    context.fillStyle =
      channels.length === 3
        ? `rgb(${channels.map((weights) => part(weights[k])).join(" ")})`
        : faint(weight >= 0 ? "plus" : "minus", Math.abs(weight) / largest);
    context.fillRect((k % width) * CELL, Math.floor(k / width) * CELL, CELL, CELL);
  });
  return el("li", {}, canvas);
}
