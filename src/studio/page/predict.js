// Predict: pictures in, classes out.

import { post } from "./api.js";
import { $, announce, el, replace, setText } from "./dom.js";
import { count } from "./format.js";
import { chooseModel, chosenModel } from "./models.js";
import { addFile, addPath } from "./pictures.js";
import { resultOf } from "./prediction.js";
import { saysHow } from "./unsure.js";
import { currentView, goTo } from "./views.js";
import { onReset } from "./watch.js";

const cards = new Set();
const complain = (text) => setText($("predict-error"), text);

/** Shows a picture's card at once, and fills it when the answers are there. */
function add(name, load) {
  const card = { name, node: el("li", { class: "prediction card" }), picture: null };
  cards.add(card);
  showWaiting(card);
  $("results").prepend(card.node);
  refreshEmpty();
  return load().then(
    (picture) => {
      card.picture = picture;
      return card;
    },
    (why) => {
      showError(card, why.message);
      return null;
    },
  );
}

async function predict(waiting) {
  const ready = waiting.filter((card) => card?.picture);
  if (!ready.length) return;
  try {
    const answer = await post("/api/predict", {
      pictures: ready.map(({ picture }) => picture.id),
      run: chosenModel("predict-run"),
    });
    const byId = new Map(answer.results.map((result) => [result.picture, result]));
    for (const card of ready) {
      const result = byId.get(card.picture.id);
      if (result && !result.error) replace(card.node, head(card), ...resultOf(card, result, answer));
      else showError(card, result?.error ?? "The server gave no answer for this picture.");
    }
    const first = answer.results[0];
    announce(
      ready.length === 1 && first?.class
        ? `${ready[0].name}: ${saysHow(first)}`
        : `${count(ready.length, "picture")} predicted.`,
    );
  } catch (why) {
    for (const card of ready) showError(card, why.message);
  }
}

const predictFiles = async (files) => {
  complain("");
  const images = [...files];
  if (!images.length) return complain("There is no file in what you dropped or pasted.");
  await predict(await Promise.all(images.map((file) => add(file.name || "pasted picture", () => addFile(file)))));
};

async function predictPath(path) {
  complain("");
  if (!path) {
    complain("Type the path of a picture first, such as dataset/samples/cat.jpg.");
    return $("predict-path").focus();
  }
  await predict([await add(path, () => addPath(path))]);
}

/** Goes to the section, and predicts a picture there with the model of a run. */
export async function predictPicture(picture, run) {
  const card = [...cards].find((known) => known.picture?.id === picture.id);
  goTo("predict");
  if (chosenModel("predict-run") !== run) chooseModel("predict-run", run); // what is there already is predicted anew
  if (card) {
    $("results").prepend(card.node);
    await predict([card]);
  } else {
    await predict([await add(picture.name, () => Promise.resolve(picture))]);
  }
}

function head(card) {
  const remove = el(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-label": `Remove ${card.name}`,
      title: "Remove",
      onclick: () => {
        cards.delete(card);
        card.node.remove();
        refreshEmpty();
      },
    },
    "×",
  );
  return el("div", { class: "card-head" }, el("h4", { class: "file", title: card.name }, card.name), remove);
}

function showWaiting(card) {
  replace(card.node, head(card), el("div", { class: "skeleton square" }), el("p", { class: "hint" }, "Looking …"));
}

function showError(card, message) {
  replace(card.node, head(card), el("p", { class: "alert", role: "alert" }, message));
}

function refreshEmpty() {
  $("results-empty").hidden = cards.size > 0;
  $("clear-results").hidden = cards.size === 0;
}

function clear() {
  for (const card of cards) card.node.remove();
  cards.clear();
  refreshEmpty();
}

/** Files may be dropped anywhere in the section, and pasted while it is shown. */
function startDropping() {
  const view = $("view-predict");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // dragenter and dragleave come for every child
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    view.classList.toggle("dropping", depth > 0);
  };
  view.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  view.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  view.addEventListener("drop", (event) => {
    mark(-depth);
    if (hasFiles(event)) predictFiles(event.dataTransfer.files);
  });
  // Also outside of the section: a browser would leave the page and show the file.
  for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());
  document.addEventListener("paste", (event) => {
    if (currentView() === "predict" && event.clipboardData?.files.length) predictFiles(event.clipboardData.files);
  });
}

export function startPredict() {
  $("predict-file").addEventListener("change", ({ target }) => {
    predictFiles(target.files);
    target.value = ""; // so that the same file can be chosen again
  });
  $("predict-path-form").addEventListener("submit", (event) => {
    event.preventDefault();
    predictPath($("predict-path").value.trim());
  });
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => predictPath(button.dataset.sample));
  }
  $("predict-run").addEventListener("change", () => predict([...cards]));
  $("clear-results").addEventListener("click", clear);
  onReset(clear);
  startDropping();
}
