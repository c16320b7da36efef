// The network that is chosen in the form: how large it is for the pictures that are chosen, and its layers, before anything is
// trained.

import { api, get } from "./api.js";
import { debounce, el, replace, setText } from "./dom.js";
import { count } from "./format.js";

/** Where no folder says how many classes there are. */
const CLASSES = 2;

/** `part` is the field. */
export class NetworkPreview {
  #question = 0;
  #key = null; // of what is shown, or on its way

  constructor(part) {
    this.part = part;
    this.text = el("p", { class: "hint network-size" });
    this.error = el("p", { class: "field-error" });
    this.image = el("img", { alt: "" });
    this.details = el(
      "details",
      { class: "network-graph", hidden: true, ontoggle: () => this.#draw() },
      el("summary", {}, "Its layers"),
      el("div", { class: "network-scroll", tabindex: "0", role: "region", "aria-label": "The layers of the network" }, this.image),
    );
    replace(part.extra, this.text, this.error, this.details);
    part.input.addEventListener("change", () => (this.details.open = true));
    this.later = debounce(() => this.#load(), 200);
  }

  /** Other pictures, or another network; `imageSize` is null where it is not known. */
  show({ classes, imageSize, color }) {
    const name = this.part.text;
    const wanted = name && imageSize ? { name, classes: classes ?? CLASSES, imageSize, color } : null;
    const key = JSON.stringify(wanted);
    if (key === this.#key) return;
    Object.assign(this, { wanted });
    this.#key = key;
    this.later();
  }

  async #load() {
    const [question, wanted] = [++this.#question, this.wanted];
    if (!wanted) {
      this.details.hidden = true;
      setText(this.error, "");
      return setText(this.text, "");
    }
    const { name, classes, imageSize, color } = wanted;
    const query = new URLSearchParams({ classes, image_size: imageSize, color });
    try {
      const { parameters, layers } = await get(`${api`/api/networks/${name}`}?${query}`);
      if (question !== this.#question) return;
      const pictures = `${color === "rgb" ? "coloured" : "gray"} pictures of ${imageSize} × ${imageSize} pixels`;
      setText(this.text, `${count(parameters, "parameter")} in ${count(layers, "layer")}, for ${count(classes, "class", "classes")} and ${pictures}.`);
      setText(this.error, "");
      this.address = `${api`/api/networks/${name}/graph`}?${query}`;
      this.image.alt = `The layers of the network ${name}, from the picture to the classes`;
      this.details.hidden = false;
      this.#draw();
    } catch (why) {
      if (question !== this.#question) return;
      this.#key = null; // a server that is away may be back
      this.details.hidden = true;
      setText(this.text, "");
      setText(this.error, why.status === 0 ? "" : why.message);
    }
  }

  #draw() {
    if (this.details.open && this.address && this.image.getAttribute("src") !== this.address) this.image.src = this.address;
  }
}
