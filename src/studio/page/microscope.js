// The microscope: the thread of a shader that computes a value, line by line, with its group and the memory around it.

import { Aim } from "./aim.js";
import { api, post } from "./api.js";
import { Cells, cellsLegend } from "./cells.js";
import { Change } from "./change.js";
import { debounce, el, replace, setText } from "./dom.js";
import { Happened } from "./happened.js";
import { Listing } from "./listing.js";
import { Meters } from "./meters.js";
import { microText } from "./microlink.js";
import { titleOf } from "./models.js";
import { Stepping } from "./stepping.js";
import { Threads } from "./threads.js";
import { addressOfMicro, setMicro } from "./views.js";

const ADDRESS_MS = 400; // browsers refuse addresses that change too often
const PATIENCE_MS = 2000; // then it is said why opening takes long

class Microscope {
  #question = 0; // the last opening's number: answers to earlier ones are dropped
  #going = 0; // the opening whose steps are being asked for
  #wasReopened = false;
  #asked = null; // what was asked for last
  #aim = null; // what is shown
  #opened = null; // the server's answer to that
  #wanted = 0;
  #shown = null;

  constructor() {
    this.subject = { picture: null, run: null };
    this.title = el("h4", {}, "Microscope");
    this.status = el("p", { class: "hint", role: "status" });
    this.alert = el("p", { class: "alert", role: "alert" });
    this.aim = new Aim((changes) => this.#change(changes));
    this.stepping = new Stepping(
      (step) => this.#go(step),
      () => this.#wanted,
    );
    this.happened = new Happened();
    this.listing = new Listing();
    this.change = new Change(() => this.#layerOfSizes());
    this.threads = new Threads((thread) => this.#watch(thread));
    this.meters = new Meters();
    this.buffers = el("div", { class: "micro-buffers" });
    this.link = el("p", { class: "hint micro-link" });
    this.tellAddress = debounce(() => this.#tellAddress(), ADDRESS_MS);
    const close = el(
      "button",
      { type: "button", class: "quiet", "aria-label": "Close the microscope", onclick: () => this.close() },
      "×",
    );
    this.body = el(
      "div",
      { class: "micro-body", hidden: true, onkeydown: (event) => this.stepping.key(event) },
      this.aim.node,
      this.stepping.node,
      el(
        "div",
        { class: "micro-parts" },
        el("div", { class: "micro-main" }, this.happened.node, this.listing.node),
        el("div", { class: "micro-side" }, this.threads.node, this.meters.node),
      ),
      el("section", { class: "micro-part" }, el("h5", {}, "Memory"), cellsLegend(), this.buffers),
      this.change.node,
      this.link,
    );
    this.node = el(
      "section",
      { class: "unit micro", "aria-label": "Microscope" },
      el("div", { class: "card-head" }, this.title, close),
      this.status,
      this.alert,
      this.body,
    );
    document.addEventListener("themechange", () => this.cells?.forEach((cells) => cells?.draw()));
  }

  /** `aim` is {layer, kernel, rung, element, label, subgroup, thread}; all but the layer may be left out. */
  async open(aim, { step = 0, isNew = false } = {}) {
    const question = ++this.#question;
    this.stepping.stop();
    this.#asked = aim;
    setText(this.alert, "");
    setText(this.status, "Opening …");
    const isLate = () => question === this.#question && this.#asked !== this.#aim;
    const late = "Opening … The passes before this one are run first, which can take a minute.";
    setTimeout(() => isLate() && setText(this.status, late), PATIENCE_MS);
    if (isNew) {
      this.#aim = this.#opened = null;
      this.body.hidden = true;
      setText(this.title, `Microscope: ${aim.layer}`);
      this.node.scrollIntoView({ block: "nearest" });
    }
    const { picture, run } = this.subject;
    const wanted = Object.fromEntries(Object.entries(aim).filter(([, value]) => value !== null && value !== undefined));
    try {
      const opened = await post("/api/microscope", { picture: picture.id, run, ...wanted });
      if (question !== this.#question) return;
      this.#show(opened, aim);
      await this.#go(step);
      if (isNew && question === this.#question) this.#bringIntoSight();
    } catch (why) {
      if (question !== this.#question) return;
      this.#fail(why);
    }
  }

  close() {
    this.stepping.stop();
    this.#question++;
    this.#asked = this.#aim = this.#opened = null;
    this.node.remove();
    setMicro(null);
    this.onClose?.();
  }

  /** Other weights or another picture: the same thread, with their values. */
  follow(subject, holderOf) {
    const isSame = subject.picture === this.subject.picture && subject.run === this.subject.run;
    this.subject = subject;
    if (!this.#asked) return;
    const holder = holderOf(this.#asked.layer);
    if (!holder) return this.close(); // the layer is gone
    if (!holder.contains(this.node)) holder.append(this.node);
    if (!isSame) this.open(this.#asked, { step: this.#wanted });
  }

  #bringIntoSight() {
    this.node.scrollIntoView({ block: "start" });
    this.listing.pre.focus({ preventScroll: true });
  }

  #change(changes) {
    // Another setting begins at its beginning.
    this.open({ ...this.#whole(), ...changes });
  }

  #watch(thread) {
    const { pass, group } = this.#opened;
    this.open({ ...this.#whole(), thread: { pass, group, thread } }, { step: this.#wanted });
  }

  /** What is shown, with what the server chose. */
  #whole() {
    const { layer, kernel, rung, output, label, subgroup } = this.#opened;
    return { layer, kernel, rung, element: output.element, label, subgroup, thread: this.#aim.thread ?? null };
  }

  /** What went wrong, where something else was shown before: that stays. */
  #fail(why) {
    setText(this.status, "");
    const { rung } = this.#asked;
    const isOfRung = this.#opened && rung && rung !== this.#opened.rung;
    setText(this.alert, isOfRung ? `Rung ${rung} cannot be shown: ${why.message}` : why.message);
    if (!this.#opened) return;
    this.#asked = this.#aim;
    this.aim.update(this.#opened, this.#aim);
    this.#describe();
  }

  #describe() {
    const { layer, kernel, run } = this.#opened;
    setText(this.title, `Microscope: ${layer}, ${kernel}`);
    setText(this.status, `${this.subject.picture.name} · run ${titleOf(run)} · run by an interpreter, line by line`);
  }

  #show(opened, aim) {
    this.#opened = opened;
    this.#aim = aim;
    this.#shown = null;
    this.#describe();
    this.body.hidden = false;
    this.aim.update(opened, this.#aim);
    this.stepping.open(opened);
    this.listing.open(opened);
    this.change.open(opened);
    this.threads.open(opened);
    this.cells = opened.variables.map((variable) =>
      variable.space === "uniform" ? null : new Cells(variable, opened.shapes[variable.name]),
    );
    replace(
      this.buffers,
      this.cells.map((cells) => cells?.node),
    );
  }

  /** The layer at whose size a shader is counted and timed. */
  #layerOfSizes() {
    return { picture: this.subject.picture.id, run: this.#opened.run, layer: this.#opened.layer };
  }

  /** Goes in front of a line. While an answer is on its way, only the step that was wanted last is asked for next. */
  async #go(step) {
    const question = this.#question;
    this.#wanted = Math.max(0, Math.min(this.#opened.steps, step));
    this.stepping.show(this.#wanted);
    if (this.#going === question) return this.gone;
    this.#going = question;
    this.gone = this.#goOn(question);
    await this.gone;
  }

  async #goOn(question) {
    let asked = null;
    try {
      while (asked !== this.#wanted) {
        asked = this.#wanted;
        const state = await post(api`/api/microscope/${this.#opened.microscope}/step`, { step: asked });
        if (question !== this.#question) return;
        this.#wasReopened = false;
        this.#draw(state);
      }
    } catch (why) {
      if (question !== this.#question) return;
      this.stepping.stop();
      if (why.status !== 404 || this.#wasReopened) return setText(this.alert, why.message);
      // The server keeps the last few only.
      this.#wasReopened = true;
      await this.open(this.#whole(), { step: this.#wanted });
    } finally {
      if (this.#going === question) this.#going = 0;
    }
  }

  #draw(state) {
    this.#shown = state;
    setText(this.alert, "");
    this.node.dataset.step = state.step;
    this.happened.show(state, this.stepping.isPlaying);
    this.listing.show(state);
    this.threads.show(state);
    this.meters.show(state);
    state.variables.forEach((variable, number) => this.cells[number]?.show(variable));
    this.tellAddress();
  }

  #tellAddress() {
    if (!this.#aim || !this.#shown) return;
    const { path } = this.subject.picture;
    const seen = { ...this.#whole(), step: this.#shown.step, picture: path, run: this.#opened.run };
    const text = path ? microText(seen) : null;
    setMicro(text);
    replace(
      this.link,
      text
        ? [el("a", { href: addressOfMicro(text) }, "Link to this step"), ", which is also in the page’s address."]
        : "There is no link to this step: an uploaded picture is not kept, and no link can name it.",
    );
  }
}

let microscope = null;

/** Opens the only microscope, in `holder`. */
export function openMicroscope(holder, { step, ...aim }, onClose) {
  microscope ??= new Microscope();
  microscope.onClose = onClose;
  microscope.subject = subject;
  holder.append(microscope.node);
  return microscope.open(aim, { step, isNew: true });
}

let subject = { picture: null, run: null };

/** The picture and the run whose values are on the page now; `holderOf(layer)` is where that layer has its microscope. */
export function setMicroscopeSubject(picture, run, holderOf) {
  subject = { picture, run };
  microscope?.follow(subject, holderOf);
}
