// Columns of code, scrolled to the function that matters.

import { el } from "./dom.js";
import { highlight, lineOfFunction } from "./highlight.js";

/** The WGSL, with a menu of all rungs; `onChange(rung)` where somebody wants to change it. */
export function shaderColumn(shader, first, ran, entry, onChange) {
  const holder = el("div", { class: "code-column" });
  const menu = el(
    "select",
    { "aria-label": "Rung" },
    shader.map(({ rung }, i) =>
      el("option", { value: i, selected: i === first }, i === ran ? `${rung}, which ran` : rung),
    ),
  );
  const show = () => {
    const { rung, file, source } = shader[Number(menu.value)];
    const change = el("button", { type: "button", class: "small change-shader", onclick: () => onChange(rung) }, "Change this shader");
    const title = el("span", {}, "WGSL, rung ", menu, " ", change);
    holder.replaceChildren(...column(title, file, source, "wgsl", entry).childNodes);
    scrollToEntry(holder.querySelector("pre"));
  };
  menu.addEventListener("change", show);
  show();
  return holder;
}

export function column(title, file, source, language, name) {
  const start = lineOfFunction(source, name);
  const code = el("code", {}, highlight(source, language));
  const lines = code.querySelectorAll(".line");
  lines[start]?.classList.add("entry");
  return el(
    "div",
    { class: "code-column" },
    el("div", { class: "code-head" }, title, el("code", { class: "hint" }, file)),
    el(
      "pre",
      { class: "code", tabindex: "0", role: "region", "aria-label": `${file}, scrolled to the function ${name}` },
      code,
    ),
  );
}

/** The function that matters, with the comment above it in sight. */
export function scrollToEntry(pre) {
  const entry = pre.querySelector(".entry");
  if (entry) pre.scrollTop = Math.max(0, entry.offsetTop - pre.offsetTop - 110);
}
