// The arithmetic of one unit, with the numbers.

import { el, replace, row } from "./dom.js";
import { integer, precise } from "./format.js";

/** Channels of a convolution that are shown without being asked for. */
const TERMS_SHOWN = 4;

export function arithmetic(unit, layer) {
  switch (unit.kind) {
    case "conv2d":
      return convolution(unit);
    case "max_pool2d":
      return pooling(unit);
    case "dense":
      return dense(unit);
    case "function":
      return [steps([["value of the layer before", "", unit.input]], unit.formula, unit.output)];
    default:
      return [el("p", {}, `${layer.name} passes its input on unchanged: ${precise(unit.output)}.`)];
  }
}

/** A small table of numbers; `mark(row, column)` gives a cell's class. */
function grid(caption, numbers, mark = () => null) {
  return el(
    "table",
    { class: "grid" },
    el("caption", {}, caption),
    el(
      "tbody",
      {},
      numbers.map((cells, i) =>
        el(
          "tr",
          {},
          cells.map((x, j) => el("td", { class: mark(i, j, x) }, x === null ? "·" : precise(x))),
        ),
      ),
    ),
  );
}

const sign = (_i, _j, x) => (x === null ? "outside" : x < 0 ? "minus" : x > 0 ? "plus" : null);
const operator = (text) => el("span", { class: "operator", "aria-hidden": "true" }, text);

function convolution(unit) {
  const { terms } = unit;
  const list = el("div", { class: "terms" }, terms.slice(0, TERMS_SHOWN).map(term));
  const rest = terms.slice(TERMS_SHOWN);
  const more = rest.length > 0 && el("div", { class: "more-terms" });
  if (more) showRest(more, list, rest);
  const hasOutside = terms.some(({ inputs }) => inputs.flat().includes(null));
  return [
    el(
      "p",
      { class: "hint" },
      terms.length > 1
        ? `Each of the ${terms.length} maps of the layer before gives 9 products; the largest sums first.`
        : "9 pixels of the picture, times the filter’s 9 weights.",
      hasOutside ? " A dot is outside of the picture and counts as 0." : "",
    ),
    list,
    more,
    withBias(
      unit,
      terms.length > 1 ? `sum over ${terms.length} maps` : "sum of the products",
      terms.reduce((sum, t) => sum + t.sum, 0),
    ),
  ];
}

function term({ channel, inputs, weights, sum }) {
  const products = inputs.map((cells, i) => cells.map((x, j) => (x === null ? null : x * weights[i][j])));
  return el(
    "div",
    { class: "term" },
    grid(`inputs, map ${channel}`, inputs, (_i, _j, x) => (x === null ? "outside" : null)),
    operator("×"),
    grid("weights", weights, sign),
    operator("="),
    grid("products", products, sign),
    operator("→"),
    el("p", { class: "term-sum" }, el("span", { class: "hint" }, "sum "), el("strong", {}, precise(sum))),
  );
}

/** The other channels: their sums in one line, all the numbers on demand. */
function showRest(node, list, rest) {
  const sum = rest.reduce((total, { sum: s }) => total + s, 0);
  const button = el(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        list.append(...rest.map(term));
        node.remove();
      },
    },
    `Show the other ${rest.length} maps`,
  );
  replace(node, el("p", {}, `… and ${rest.length} more maps: together ${precise(sum)} `), button);
}

/** From a sum of products, over the bias, to the output. */
const withBias = ({ bias, output }, name, sum) => steps([[name, "", sum], ["bias", "+", bias]], "output", output);

/** Rows of [what, operator, value], and the last of them: the output. */
function steps(before, formula, output) {
  const rows = [...before, [formula, "→", output]];
  return el(
    "table",
    { class: "steps" },
    el("caption", { class: "hidden-text" }, "From the sum to the output"),
    el(
      "tbody",
      {},
      rows.map(([what, op, value], i) =>
        el(
          "tr",
          { class: i === rows.length - 1 ? "last" : null },
          el("th", { scope: "row" }, what),
          el("td", { class: "operator" }, op),
          el("td", {}, precise(value)),
        ),
      ),
    ),
  );
}

function pooling({ window: inputs, output }) {
  const flat = inputs.flat();
  const winner = flat.indexOf(Math.max(...flat)); // the first, as the kernel takes it
  return [
    el("p", { class: "hint" }, "The largest of these is kept; in training it alone receives the gradient."),
    el(
      "div",
      { class: "term" },
      grid("inputs", inputs, (i, j) => (i * inputs[0].length + j === winner ? "winner" : null)),
      operator("→"),
      el("p", { class: "term-sum" }, el("span", { class: "hint" }, "largest "), el("strong", {}, precise(output))),
    ),
  ];
}

function dense(unit) {
  const { top, rest } = unit;
  const largest = Math.max(...top.map(({ product }) => Math.abs(product))) || 1;
  const cells = ({ index, input, weight, product }) => [
    el("th", { scope: "row" }, integer(index)),
    el("td", {}, precise(input)),
    el("td", { class: sign(0, 0, weight) }, precise(weight)),
    el("td", { class: sign(0, 0, product) }, precise(product)),
    el(
      "td",
      { class: "bar-cell" },
      el("span", {
        class: `bar ${product < 0 ? "minus" : "plus"}`,
        style: { "inline-size": `${(100 * Math.abs(product)) / largest}%` },
      }),
    ),
  ];
  return [
    el("p", { class: "hint" }, `The ${top.length} largest products of input and weight.`),
    el(
      "div",
      { class: "table-scroll short", tabindex: "0", role: "region", "aria-label": "Largest products" },
      el(
        "table",
        { class: "products" },
        el(
          "thead",
          {},
          row("th", { scope: "col" }, [
            "input no.",
            "input",
            "weight",
            "product",
            el("span", { class: "hidden-text" }, "size"),
          ]),
        ),
        el(
          "tbody",
          {},
          top.map((entry) => el("tr", {}, cells(entry))),
        ),
      ),
    ),
    el("p", {}, `All other products together: ${precise(rest)}`),
    withBias(unit, "sum of the products", top.reduce((sum, { product }) => sum + product, 0) + rest),
  ];
}
