// The picture with a heat map over it: which parts of it spoke for the class (Grad-CAM).

import { api, get, post } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { percent, precise } from "./format.js";
import { seenBy } from "./pictures.js";
import { isUnsure, ranked } from "./unsure.js";

const HEAT = [255, 106, 0];
const BEST = 3; // classes whose probabilities are named, of many

/** "cats 70.1 %, dogs 20.0 %, 8 others 9.9 %" */
function probabilities({ classes, scores }) {
  const shown = classes.length > BEST + 1 ? ranked(scores).slice(0, BEST) : scores.map((_, i) => i);
  const named = shown.map((i) => `${classes[i]} ${percent(scores[i])}`);
  const rest = 1 - shown.reduce((sum, i) => sum + scores[i], 0);
  const others = classes.length - shown.length;
  return [...named, ...(others ? [`${others} others ${percent(Math.max(0, rest))}`] : [])].join(", ");
}

export class HeatView {
  #info = null;
  #question = 0;

  constructor(node) {
    this.image = el("img", { class: "pixels", alt: "", width: 320, height: 320 });
    this.canvas = el("canvas", { class: "over", role: "img", "aria-label": "Heat map" });
    this.opacity = el("input", { id: "heat-opacity", type: "range", min: 0, max: 1, step: 0.05, value: 0.7 });
    this.opacity.addEventListener("input", () => this.#fade());
    this.verdict = el("p", { class: "verdict" });
    this.scores = el("p", { class: "hint" });
    this.note = el("p", { class: "hint", role: "status" });
    this.menu = el("select", { id: "heat-class", onchange: () => this.#load(Number(this.menu.value)) });
    replace(
      node,
      el("div", { class: "heat-picture" }, this.image, this.canvas),
      el(
        "div",
        { class: "heat-text" },
        this.verdict,
        this.scores,
        el("label", { class: "heat-class", for: "heat-class" }, "What speaks for ", this.menu),
        el("label", { class: "slider", for: "heat-opacity" }, "Heat map’s opacity"),
        this.opacity,
        this.note,
      ),
    );
    this.#fade();
  }

  #fade() {
    this.canvas.style.opacity = this.opacity.value;
  }

  /** Another answer of /api/inside: the class that is predicted comes first. */
  update(info, picture) {
    this.#info = info;
    if (picture) {
      this.image.src = seenBy(picture.id, info.image_size, info.color);
      this.image.alt = `${picture.name}, as the network sees it`;
    }
    const best = info.classes.indexOf(info.class);
    const unsure = isUnsure(info);
    this.verdict.classList.toggle("unsure", unsure);
    replace(
      this.verdict,
      unsure && "Unsure: rather ",
      el(unsure ? "span" : "strong", {}, info.class),
      ` ${percent(info.scores[best])}`,
    );
    setText(
      this.scores,
      `${probabilities(info)} · score before the ${info.classes.length > 2 ? "softmax" : "sigmoid"} ${precise(info.logit)}`,
    );
    replace(
      this.menu,
      info.classes.map((name, i) => el("option", { value: i }, i === best ? `${name}, as predicted` : name)),
    );
    this.menu.value = best;
    // Maps of a training that is followed are of weights that no file has: there is no other class's.
    this.menu.disabled = info.run === undefined || !info.has_heat;
    if (info.has_heat) return this.#load(best);
    this.#clear("Heat map: there is none", "A network without convolutions looks at no place: there is no heat map.");
  }

  async #load(index) {
    const [info, question] = [this.#info, ++this.#question];
    const isPredicted = info.classes[index] === info.class;
    setText(this.note, `What speaks for “${info.classes[index]}” …`);
    try {
      const path = api`/api/inside/${info.inside}/heat`;
      const heat = await (isPredicted ? get(path) : post(path, { class: index }));
      if (question === this.#question) this.#draw(heat);
    } catch (why) {
      // The map of another class is none of this one.
      if (question === this.#question) this.#clear("Heat map: there is none", why.message);
    }
  }

  #clear(label, words) {
    this.#question++;
    Object.assign(this.canvas, { width: 1, height: 1 });
    this.canvas.setAttribute("aria-label", label);
    setText(this.note, words);
  }

  /** One pixel per value: the browser enlarges it, smoothly. */
  #draw({ height, width, values, class: name }) {
    Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    values.forEach((value, i) => pixels.data.set([...HEAT, Math.round(255 * value)], 4 * i));
    context.putImageData(pixels, 0, 0);
    const hottest = values.indexOf(Math.max(...values));
    const [row, column] = [Math.floor(hottest / width), hottest % width];
    const where = `${["top", "middle", "bottom"][Math.floor((3 * row) / height)]} ${["left", "centre", "right"][Math.floor((3 * column) / width)]}`;
    const isFlat = !values.some((value) => value > 0);
    this.canvas.setAttribute(
      "aria-label",
      isFlat ? "Heat map: no part of the picture stands out" : `Heat map: hottest at the ${where}`,
    );
    setText(
      this.note,
      isFlat
        ? `No part of the last convolution’s output speaks for “${name}”.`
        : `Orange parts raise the score for “${name}” most (Grad-CAM over the last convolution, ${height} × ${width}).`,
    );
  }
}
