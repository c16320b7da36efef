// The exercises: shaders with something wrong, missing or slow, each with its task, its hint and a lab. What was reached,
// and what was written, is kept as long as the browser's tab is open.

import { get } from "./api.js";
import { $, announce, el, replace, setText } from "./dom.js";
import { Lab } from "./lab.js";
import { exerciseInAddress, onExerciseAddress, setExercise } from "./views.js";

const KEPT = "pawgrad-exercises";

let all = null; // what the server lists
let view = null; // of the one that is open
const kept = read(); // {reached: [number], texts: {number: text}}

function read() {
  const nothing = { reached: [], texts: {} };
  try {
    return { ...nothing, ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") };
  } catch {
    return nothing; // a browser that keeps nothing, or something else under this name
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  } catch {
    // without it, all lasts until the page is reloaded
  }
}

const isReached = ({ number }) => kept.reached.includes(number);

class ExerciseView {
  #shown = null;

  constructor() {
    this.title = el("h4", { tabindex: "-1" });
    this.under = el("p", { class: "hint" });
    this.task = el("p", {});
    this.goals = el("p", { class: "exercise-goals" });
    this.hintText = el("p", {});
    this.hint = el("details", { class: "exercise-hint" }, el("summary", {}, "Hint"), this.hintText);
    this.lab = new Lab({
      back: "Back to the start",
      onText: (text) => this.#keepText(text),
      onAnswer: (answer) => this.#judge(answer),
    });
    this.node = el(
      "div",
      { class: "exercise" },
      this.title,
      this.under,
      this.task,
      this.goals,
      this.hint,
      this.lab.node,
    );
  }

  show(exercise) {
    this.#shown = exercise;
    const { number, title, task, hint, kernel, rung, goals, text } = exercise;
    setText(this.title, `Exercise ${number}: ${title}`);
    replace(this.under, "In the place of ", el("code", {}, kernel), ", rung ", el("code", {}, rung));
    setText(this.task, task);
    const more = goals.length ? `, and has ${goals.join(", and ")}` : ": equal to the definition, with nothing found";
    replace(this.goals, el("strong", {}, "Solved"), ` when it is right${more}.`);
    this.hint.open = false;
    setText(this.hintText, hint);
    this.lab.open({ kernel, rung, source: text, text: kept.texts[number] ?? text });
    setExercise(number);
  }

  #keepText(text) {
    const { number, text: start } = this.#shown;
    if (text === start) delete kept.texts[number];
    else kept.texts[number] = text;
    keep();
  }

  /** An answer of the lab: whether the exercise is reached, and then which one is next. */
  #judge({ is_solved: isSolved }) {
    const exercise = this.#shown;
    if (!isSolved) return null;
    if (!isReached(exercise)) kept.reached.push(exercise.number);
    keep();
    list();
    const next = all.find((other) => other.number > exercise.number && !isReached(other)) ?? all.find((other) => !isReached(other));
    return el(
      "p",
      { class: "exercise-reached" },
      el("strong", { class: "good" }, `Exercise ${exercise.number} is solved.`),
      " ",
      next
        ? el("button", { type: "button", class: "small", onclick: () => choose(next) }, `Next: ${next.number}, ${next.title}`)
        : "All of them are.",
    );
  }
}

function list() {
  const reached = all.filter(isReached).length;
  setText($("exercises-count"), `${reached} of ${all.length} solved`);
  const opened = view?.number;
  replace(
    $("exercise-list"),
    all.map((exercise) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            class: isReached(exercise) ? "choice reached" : "choice",
            "aria-pressed": String(exercise.number === opened),
            onclick: () => choose(exercise),
          },
          el("span", { class: "exercise-number" }, exercise.number),
          ` ${exercise.title}`,
          isReached(exercise) && el("span", { class: "good exercise-mark", role: "img", "aria-label": "solved", title: "solved" }, "✓"),
        ),
      ),
    ),
  );
}

/** Opens what the address names. */
async function follow() {
  const named = exerciseInAddress();
  if (named === null) return;
  $("exercises").open = true;
  await load();
  if (!all) return;
  const exercise = all.find(({ number }) => String(number) === named);
  if (exercise) choose(exercise);
  else setText($("exercises-alert"), `There is no exercise ${named}: there are ${all.length}.`);
}

function choose(exercise) {
  setText($("exercises-alert"), "");
  view ??= new ExerciseView();
  view.number = exercise.number;
  if (!view.node.isConnected) $("exercises").append(view.node);
  view.show(exercise);
  list();
  announce(`Exercise ${exercise.number}: ${exercise.title}`);
  view.title.focus({ preventScroll: true });
  view.node.scrollIntoView({ block: "start" });
}

/** The exercises of a kernel, as buttons that open them; called where its shader is edited. */
export async function exercisesOf(kernel) {
  await load();
  return (all ?? [])
    .filter((exercise) => exercise.kernel === kernel)
    .map((exercise) =>
      el(
        "button",
        {
          type: "button",
          class: "small",
          onclick: () => {
            $("exercises").open = true;
            choose(exercise);
          },
        },
        `Exercise ${exercise.number}: ${exercise.title}`,
      ),
    );
}

let loading = null; // one question at a time

async function load() {
  if (all) return;
  loading ??= get("/api/exercises");
  try {
    all ??= await loading;
    list();
    setText($("exercises-alert"), "");
  } catch (why) {
    setText($("exercises-alert"), why.message); // asked for again at the next opening
  } finally {
    loading = null;
  }
}

export function startExercises() {
  const loadWhereOpen = () => $("exercises").open && load();
  $("exercises").addEventListener("toggle", loadWhereOpen);
  onExerciseAddress(follow);
  follow();
  loadWhereOpen(); // somebody may have been faster than this script
}
