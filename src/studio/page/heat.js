// The picture with a heat map over it: which parts of it spoke for the class (Grad-CAM).

import { api, get } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { percent, precise } from "./format.js";
import { seenBy } from "./pictures.js";
import { isUnsure } from "./unsure.js";

const HEAT = [255, 106, 0];

export class HeatView {
  #inside = null;

  constructor(node) {
    this.image = el("img", { class: "pixels", alt: "", width: 320, height: 320 });
    this.canvas = el("canvas", { class: "over", role: "img", "aria-label": "Heat map" });
    this.opacity = el("input", { id: "heat-opacity", type: "range", min: 0, max: 1, step: 0.05, value: 0.7 });
    this.opacity.addEventListener("input", () => this.#fade());
    this.verdict = el("p", { class: "verdict" });
    this.scores = el("p", { class: "hint" });
    this.note = el("p", { class: "hint" });
    replace(
      node,
      el("div", { class: "heat-picture" }, this.image, this.canvas),
      el(
        "div",
        { class: "heat-text" },
        this.verdict,
        this.scores,
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

  async update(info, picture) {
    this.#inside = info.inside;
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
      `${info.classes.map((name, i) => `${name} ${percent(info.scores[i])}`).join(", ")} · score before the ${info.classes.length > 2 ? "softmax" : "sigmoid"} ${precise(info.logit)}`,
    );
    try {
      const heat = await get(api`/api/inside/${info.inside}/heat`);
      if (this.#inside === info.inside) this.#draw(heat);
    } catch (why) {
      if (this.#inside === info.inside) setText(this.note, why.message);
    }
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
