// What a card says of one picture: the class, how sure the network is, and which model said so.

import { el } from "./dom.js";
import { percent } from "./format.js";
import { openInside } from "./inside.js";
import { seenBy } from "./pictures.js";
import { isUnsure } from "./unsure.js";

/** "run 2026-01-31_12-00-00, in training, after epoch 3 of 10" */
function sourceOf({ run, of }) {
  const name = `run ${of.title ?? run}`;
  return of.state === "running" ? `${name}, in training, after epoch ${of.epoch} of ${of.epochs}` : name;
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
  const bars = classes.map((name, i) =>
    el(
      "div",
      { class: "score", "data-class": name },
      el("span", {}, name),
      el("meter", { min: 0, max: 1, value: result.scores[i], "aria-label": `Probability of ${name}` }),
      el("output", {}, percent(result.scores[i])),
    ),
  );
  return [
    el("div", { class: "pictures" }, seen, original),
    verdict(result),
    el("div", { class: "scores" }, bars),
    note && el("p", { class: "hint" }, note),
    el(
      "div",
      { class: "card-foot" },
      el("button", { type: "button", class: "look-inside", onclick: () => openInside(picture, run) }, "Look inside"),
      el("span", { class: "hint of-run" }, sourceOf(answer)),
    ),
  ];
}
