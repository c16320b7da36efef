// One field of the configuration: label, meaning, range, the control, and its error.

import { el, setText } from "./dom.js";

/** Kinds whose texts are chosen or checked elsewhere. */
const NO_NUMBER = ["path", "device", "run", "choice"];

/** What is wrong with the text in a field, or null. The server checks again. */
export function whatIsWrong(field, text) {
  if (text === "") return field.optional ? null : `${field.label} is needed.`;
  if (NO_NUMBER.includes(field.kind)) return null;
  const number = Number(text);
  const isWhole = field.kind === "integer";
  if (!Number.isFinite(number) || (isWhole && !Number.isInteger(number))) {
    return `“${text}” is not a ${isWhole ? "whole " : ""}number.`;
  }
  const tooSmall = field.min !== null && field.min !== undefined && number < field.min;
  const tooLarge = field.max !== null && field.max !== undefined && number > field.max;
  return tooSmall || tooLarge ? `${field.label} must be ${range(field)}, not ${text}.` : null;
}

/** The field's text as the server takes it: numbers are numbers, and empty is null. */
export function valueOf(field, text) {
  if (text === "") return null;
  return field.kind === "number" || field.kind === "integer" ? Number(text) : text;
}

export const textOf = (value) => (value === null || value === undefined ? "" : String(value));

export function range({ min, max, kind }) {
  if (NO_NUMBER.includes(kind)) return "";
  const has = (x) => x !== null && x !== undefined && Math.abs(x) < Number.MAX_SAFE_INTEGER;
  if (has(min) && has(max)) return `from ${min} to ${max}`;
  if (has(min)) return `${min} or more`;
  return has(max) ? `at most ${max}` : "";
}

/** Builds a field. `onInput()` is called when its text changes. */
export function buildField(field, devices, onInput) {
  const id = `field-${field.name}`;
  const ids = { meaning: `meaning-${field.name}`, error: `error-${field.name}` };
  const input = control(field, devices, { id, name: field.name, "aria-describedby": `${ids.meaning} ${ids.error}` });
  const error = el("p", { id: ids.error, class: "field-error" });
  const companions = suggestions(field, input);

  const set = (text) => {
    // A run of an address, which may not be in the list yet, or any more.
    if (field.kind === "run" && ![...input.options].some(({ value }) => value === text)) input.append(el("option", { value: text }, text));
    input.value = text;
    for (const companion of companions) companion.update();
  };
  input.addEventListener("input", () => {
    for (const companion of companions) companion.update();
    onInput();
  });
  set(textOf(field.default));

  const extra = el("div", { class: "field-extra" }); // such as what a folder holds
  const node = el(
    "div",
    { class: `field field-${field.kind}` },
    el(
      "div",
      { class: "field-head" },
      el("label", { for: id }, field.label),
      el("span", { class: "hint" }, range(field)),
    ),
    el("p", { id: ids.meaning, class: "hint" }, field.meaning),
    el(
      "div",
      { class: "field-control" },
      input,
      companions.map((companion) => companion.node),
    ),
    error,
    extra,
  );
  return {
    field,
    input,
    node,
    extra,
    set,
    get text() {
      return input.value.trim();
    },
    showError(message) {
      setText(error, message ?? "");
      input.setAttribute("aria-invalid", String(Boolean(message)));
    },
  };
}

function control(field, devices, attributes) {
  if (field.kind === "run") return el("select", attributes, el("option", { value: "" }, "new random weights"));
  const options = { device: devices.map(({ value, label }) => [value, label]), choice: field.options }[field.kind];
  if (options) {
    return el(
      "select",
      attributes,
      options.map(([value, label]) => el("option", { value }, label)),
    );
  }
  return el("input", {
    ...attributes,
    type: "text",
    spellcheck: "false",
    inputmode: { integer: "numeric", number: "decimal" }[field.kind] ?? null,
    placeholder: field.optional ? (field.empty ?? "chosen for you") : null,
    "aria-required": field.optional ? null : "true",
  });
}

function change(input, value) {
  input.value = value;
  input.dispatchEvent(new Event("input"));
}

/** Buttons for the usual values. */
function suggestions(field, input) {
  if (!field.choices?.length) return [];
  const buttons = field.choices.map((choice) =>
    el("button", { type: "button", class: "choice", onclick: () => change(input, String(choice)) }, String(choice)),
  );
  return [
    {
      node: el("div", { class: "choices", role: "group", "aria-label": `Usual values of ${field.label}` }, buttons),
      update() {
        field.choices.forEach((choice, i) => {
          const isChosen = input.value.trim() !== "" && Number(input.value) === Number(choice);
          buttons[i].setAttribute("aria-pressed", String(isChosen));
        });
      },
    },
  ];
}
