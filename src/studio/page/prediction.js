// What a card says of one picture: the class, how sure the network is, and which model said so.

import { el } from "./dom.js";
import { percent } from "./format.js";
import { openInside } from "./inside.js";
import { seenBy } from "./pictures.js";
import { isUnsure, ranked } from "./unsure.js";

/** "run 2026-01-31_12-00-00, in training, after epoch 3 of 10" */
function sourceOf({ run, of }) {
  const name = `run ${of.title ?? run}`;
  const epoch = of.best ? `best epoch so far, ${of.epoch} of ${of.epochs}` : `after epoch ${of.epoch} of ${of.epochs}`;
  if (of.state === "running") return `${name}, in training, ${epoch}`;
  return of.best ? `${name}, epoch ${of.epoch}, its best` : name;
}

function verdict(result) {
  if (!isUnsure(result)) {
    return el(
      "p",
      { class: "verdict" },
      el("strong", { class: "class" }, result.class),
      " ",
      el("span", { class: "probability" }, percent(result.probability)),
    );
  }
  return el(
    "p",
    { class: "verdict unsure" },
    "Unsure: rather ",
    el("span", { class: "class" }, result.class),
    " ",
    el("span", { class: "probability" }, percent(result.probability)),
  );
}

/** Of more classes than this the best are shown, and the others folded. */
const [MOST, BEST] = [4, 3];

function scoresOf(classes, scores) {
  const bar = (i) =>
    el(
      "div",
      { class: "score", "data-class": classes[i] },
      el("span", { class: "file", title: classes[i] }, classes[i]),
      el("meter", { min: 0, max: 1, value: scores[i], "aria-label": `Probability of ${classes[i]}` }),
      el("output", {}, percent(scores[i])),
    );
  if (classes.length <= MOST) return el("div", { class: "scores" }, classes.map((_, i) => bar(i)));
  const order = ranked(scores);
  const others = order.slice(BEST);
  const together = others.reduce((sum, i) => sum + scores[i], 0);
  return el(
    "div",
    { class: "scores" },
    order.slice(0, BEST).map(bar),
    el(
      "details",
      { class: "more-scores" },
      el("summary", {}, `The other ${others.length} classes: together ${percent(together)}`),
      el("div", { class: "scores" }, others.map(bar)),
    ),
  );
}

/** The parts of a card beneath its head; `result` is of one picture, of the server's `answer`. */
export function resultOf(card, result, answer) {
  const { run, image_size: size, color, classes, note } = answer;
  const { picture } = card;
  const seen = el(
    "figure",
    {},
    el("img", {
      class: "pixels",
      src: seenBy(picture.id, size, color),
      alt: `${card.name}, as the network sees it`,
      width: 256,
      height: 256,
    }),
    el("figcaption", { class: "hint" }, `as the network sees it: ${size} × ${size} ${color === "gray" ? "gray " : ""}pixels`),
  );
  const original =
    picture.original &&
    el(
      "figure",
      { class: "original" },
      el("img", { src: picture.original, alt: `${card.name}, the file itself` }),
      el("figcaption", { class: "hint" }, "the file"),
    );
  return [
    el("div", { class: "pictures" }, seen, original),
    verdict(result),
    scoresOf(classes, result.scores),
    note && el("p", { class: "hint" }, note),
    el(
      "div",
      { class: "card-foot" },
      el("button", { type: "button", class: "look-inside", onclick: () => openInside(picture, run) }, "Look inside"),
      el("span", { class: "hint of-run" }, sourceOf(answer)),
    ),
  ];
}
