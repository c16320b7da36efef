// The arithmetic of one unit, with the numbers.

import { el, replace, row } from "./dom.js";
import { integer, precise } from "./format.js";

/** Channels of a convolution that are shown without being asked for. */
const TERMS_SHOWN = 4;

const COLOURS = ["red", "green", "blue"];
const PICTURE = "the picture";

/** `unit` as /api/inside/…/unit has it, of `layer`, which takes what the layers named `takes` make; null is the picture. */
export function arithmetic(unit, layer, takes) {
  const names = takes.map((name) => name ?? PICTURE);
  switch (unit.kind) {
    case "conv2d":
      return convolution(unit, names[0]);
    case "max_pool2d":
      return pooling(unit);
    case "dense":
      return dense(unit);
    case "function":
      return [steps([[`value of ${names[0]}`, "", unit.input]], unit.formula, unit.output)];
    case "sum":
      return sum(unit, names);
    case "mean":
      return mean(unit, names[0]);
    case "batch_norm":
      return batchNorm(unit, names[0]);
    case "same":
      return [el("p", {}, `${layer.name} passes its input on unchanged: ${precise(unit.output)}.`)];
    default:
      return [el("p", {}, `The value is ${precise(unit.output)}. This page does not know how ${layer.name} computes it.`)];
  }
}

function sum({ inputs, output }, names) {
  const rows = inputs.map((value, i) => [`value of ${names[i]}`, i ? "+" : "", value]);
  return [
    el("p", { class: "hint" }, "The values at this place of all layers that it takes, added up."),
    steps(rows, "sum", output),
  ];
}

function mean({ count, sum: total, output }, name) {
  return [
    el("p", { class: "hint" }, `The mean of a whole map of ${name}: all its places count alike.`),
    steps([[`sum of the map’s ${integer(count)} values`, "", total], ["their number", "÷", count]], "mean", output),
  ];
}

function batchNorm({ input, mean: centre, variance, epsilon, normal, gamma, beta, output }, name) {
  const before = [
    [`value of ${name}`, "", input],
    ["mean of the map in training", "\u2212", centre],
    [`root of its variance, ${precise(variance)}, and epsilon, ${epsilon}`, "÷", Math.sqrt(variance + epsilon)],
    ["normalised", "=", normal],
    ["gamma", "×", gamma],
    ["beta", "+", beta],
  ];
  return [
    el("p", { class: "hint" }, "In training a map is normalised by its mean and variance over the batch; here by those that were kept of the training."),
    steps(before, "output", output),
  ];
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

function convolution(unit, name) {
  const { terms } = unit;
  const isPicture = name === PICTURE;
  const titled = terms.map((each) => ({ ...each, title: isPicture ? channelOf(terms, each) : `map ${each.channel}` }));
  const list = el("div", { class: "terms" }, titled.slice(0, TERMS_SHOWN).map(term));
  const rest = titled.slice(TERMS_SHOWN);
  const more = rest.length > 0 && el("div", { class: "more-terms" });
  if (more) showRest(more, list, rest);
  const hasOutside = terms.some(({ inputs }) => inputs.flat().includes(null));
  return [
    el(
      "p",
      { class: "hint" },
      whatIsMultiplied(terms, name),
      hasOutside ? " A dot is outside of the picture and counts as 0." : "",
    ),
    list,
    more,
    withBias(
      unit,
      terms.length > 1 ? `sum over ${terms.length} ${isPicture ? "colours" : "maps"}` : "sum of the products",
      terms.reduce((sum, t) => sum + t.sum, 0),
    ),
  ];
}

/** The colour that a channel of the picture is. */
const channelOf = (terms, { channel }) => (terms.length === COLOURS.length ? COLOURS[channel] : "gray");

function whatIsMultiplied(terms, name) {
  const products = terms[0].weights.flat().length;
  const each = products === 1 ? "1 product" : `${products} products`;
  if (name === PICTURE && terms.length === 1) return `${products} pixels of the picture, times the filter’s ${products} weights.`;
  const parts = name === PICTURE ? "colours of the picture" : terms.length === 1 ? `map of ${name}` : `maps of ${name}`;
  return `Each of the ${terms.length} ${parts} gives ${each}; the largest sums first.`;
}

function term({ title, inputs, weights, sum }) {
  const products = inputs.map((cells, i) => cells.map((x, j) => (x === null ? null : x * weights[i][j])));
  return el(
    "div",
    { class: "term" },
    grid(`inputs, ${title}`, inputs, (_i, _j, x) => (x === null ? "outside" : null)),
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
