// The microscope: the thread of a shader that computes a value, line by line, with its group and the memory around it.

import { Aim } from "./aim.js";
import { api, post } from "./api.js";
import { Cells, cellsLegend } from "./cells.js";
import { debounce, el, replace, setText } from "./dom.js";
import { precise } from "./format.js";
import { Listing } from "./listing.js";
import { Meters } from "./meters.js";
import { microText } from "./microlink.js";
import { titleOf } from "./models.js";
import { Stepping } from "./stepping.js";
import { Threads } from "./threads.js";
import { addressOfMicro, setMicro } from "./views.js";

const MOST_NOTES = 16;
const ADDRESS_MS = 400; // browsers refuse addresses that change too often

class Microscope {
  #question = 0; // the last opening's number: answers to earlier ones are dropped
  #going = 0; // the opening whose steps are being asked for
  #wasReopened = false;
  #aim = null;
  #opened = null;
  #wanted = 0;
  #shown = null;

  constructor() {
    this.subject = { picture: null, run: null };
    this.title = el("h4", {}, "Microscope");
    this.status = el("p", { class: "hint", role: "status" });
    this.alert = el("p", { class: "alert", role: "alert" });
    this.aim = new Aim((changes) => this.#change(changes));
    this.stepping = new Stepping((step) => this.#go(step), () => this.#wanted);
    this.calls = el("p", { class: "micro-calls" });
    this.notes = el("ul", { class: "micro-notes" });
    this.listing = new Listing();
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
        el("div", { class: "micro-main" }, this.#lastLine(), this.listing.node),
        el("div", { class: "micro-side" }, this.threads.node, this.meters.node),
      ),
      el("section", { class: "micro-part" }, el("h5", {}, "Memory"), cellsLegend(), this.buffers),
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

  #lastLine() {
    this.last = el("p", { class: "micro-done" });
    return el("div", { class: "micro-words" }, this.calls, this.last, this.notes);
  }

  /** `aim` is {layer, kernel, rung, element, label, subgroup, thread}; all but the layer may be left out. */
  async open(aim, { step = 0, isNew = false } = {}) {
    const question = ++this.#question;
    this.stepping.stop();
    this.#aim = aim;
    setText(this.alert, "");
    const earlier = this.#opened && this.#opened.passes.length > 1;
    setText(this.status, earlier ? "Opening … The passes before are run first, which can take a minute." : "Opening …");
    if (isNew) {
      this.body.hidden = true;
      setText(this.title, `Microscope: ${aim.layer}`);
      this.node.scrollIntoView({ block: "nearest" });
    }
    const { picture, run } = this.subject;
    const wanted = Object.fromEntries(Object.entries(aim).filter(([, value]) => value !== null && value !== undefined));
    try {
      const opened = await post("/api/microscope", { picture: picture.id, run, ...wanted });
      if (question !== this.#question) return;
      this.#show(opened);
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
    this.#aim = this.#opened = null;
    this.node.remove();
    setMicro(null);
    this.onClose?.();
  }

  /** Other weights or another picture: the same thread, with their values. */
  follow(subject) {
    const isSame = subject.picture === this.subject.picture && subject.run === this.subject.run;
    this.subject = subject;
    if (!this.#aim) return;
    if (!this.node.isConnected) this.close(); // the layer is gone
    else if (!isSame) this.open(this.#aim, { step: this.#wanted });
  }

  get isOpen() {
    return this.#aim !== null;
  }

  #bringIntoSight() {
    this.node.scrollIntoView({ block: "start" });
    this.listing.pre.focus({ preventScroll: true });
  }

  #change(changes) {
    const { layer, kernel, rung, output, label, subgroup } = this.#opened;
    const aim = { layer, kernel, rung, element: output.element, label, subgroup, thread: this.#aim.thread };
    // What is shown is what another setting does, from its beginning.
    this.open({ ...aim, ...changes });
  }

  #watch(thread) {
    const { pass, group } = this.#opened;
    const { layer, kernel, rung, output, label, subgroup } = this.#opened;
    const aim = { layer, kernel, rung, element: output.element, label, subgroup, thread: { pass, group, thread } };
    this.open(aim, { step: this.#wanted });
  }

  /** What went wrong, where something else was shown before: that stays. */
  #fail(why) {
    setText(this.status, "");
    setText(this.alert, why.message);
    if (!this.#opened) return;
    const { layer, kernel, rung, output, label, subgroup, pass, group, thread } = this.#opened;
    const isOther = this.#aimShown?.thread ? { pass, group, thread } : null;
    this.#aim = { layer, kernel, rung, element: output.element, label, subgroup, thread: isOther };
    this.aim.update(this.#opened, this.#aim);
  }

  #aimShown = null;

  #show(opened) {
    this.#opened = opened;
    this.#aimShown = this.#aim;
    this.#shown = null;
    setText(this.title, `Microscope: ${opened.layer}, ${opened.kernel}`);
    setText(this.status, `${this.subject.picture.name} · run ${titleOf(opened.run)} · run by an interpreter, line by line`);
    this.body.hidden = false;
    this.aim.update(opened, this.#aim);
    this.stepping.open(opened);
    this.listing.open(opened);
    this.threads.open(opened);
    this.cells = opened.variables.map((variable) =>
      variable.space === "uniform" ? null : new Cells(variable, opened.shapes[variable.name]),
    );
    replace(
      this.buffers,
      this.cells.map((cells) => cells?.node),
    );
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
      await this.open(this.#aim, { step: this.#wanted });
    } finally {
      if (this.#going === question) this.#going = 0;
    }
  }

  #draw(state) {
    this.#shown = state;
    setText(this.alert, "");
    this.node.dataset.step = state.step;
    this.notes.setAttribute("aria-live", this.stepping.isPlaying ? "off" : "polite");
    replace(this.calls, callWords(state));
    setText(this.last, state.done ? `Line ${state.done} was executed:` : "Nothing was executed yet.");
    const notes = state.notes.filter(({ name }) => name);
    replace(
      this.notes,
      notes.slice(0, MOST_NOTES).map((note) => el("li", {}, el("code", {}, noteWords(note)))),
      notes.length > MOST_NOTES && el("li", { class: "hint" }, `and ${notes.length - MOST_NOTES} more`),
    );
    this.listing.show(state);
    this.threads.show(state);
    this.meters.show(state);
    state.variables.forEach((variable, number) => this.cells[number]?.show(variable));
    this.tellAddress();
  }

  #tellAddress() {
    if (!this.#aim || !this.#shown) return;
    const { layer, kernel, rung, output, label, subgroup, run, pass, group, thread } = this.#opened;
    const { path } = this.subject.picture;
    const place = this.#aim.thread ? { pass, group, thread } : null;
    const aim = { layer, kernel, rung, element: output.element, label, subgroup, thread: place };
    const text = path ? microText({ ...aim, step: this.#shown.step, picture: path, run }) : null;
    setMicro(text);
    replace(
      this.link,
      text
        ? [el("a", { href: addressOfMicro(text) }, "Link to this step"), ", which is also in the page’s address."]
        : "There is no link to this step: an uploaded picture is not kept, and no link can name it.",
    );
  }
}

/** "Next is line 84, in source(), called in line 83 of forward()." */
function callWords({ line, calls }) {
  if (line === null) return "The thread has ended.";
  const place = calls.map(([name, from], i) => [i > 0 && " of ", el("code", {}, `${name}()`), from > 0 && `, called in line ${from}`]);
  return ["Next is ", el("strong", {}, `line ${line}`), ", in ", place, "."];
}

const numberWords = (value) =>
  typeof value === "number" && !Number.isInteger(value) ? precise(value) : String(value).replace("-", "−");

/** "x[2535] is 0.447" */
function noteWords({ action, name, element, values }) {
  const verb = { read: " is ", write: " becomes ", compute: " = " }[action];
  const shown = values.slice(0, 8).map(numberWords);
  const value = values.length === 1 ? shown[0] : `(${shown.join(", ")}${values.length > 8 ? `, … ${values.length} in all` : ""})`;
  return `${name}${element === null ? "" : `[${element}]`}${verb}${value}`;
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

/** The picture and the run whose values are on the page now. */
export function setMicroscopeSubject(picture, run) {
  subject = { picture, run };
  microscope?.follow(subject);
}
