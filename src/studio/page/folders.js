// Looks at a data folder while its path is typed: classes, pictures, some thumbnails, files to leave out.

import { api, post } from "./api.js";
import { debounce, el, replace } from "./dom.js";
import { count, integer } from "./format.js";

/** Up to so many pictures every file is decoded without being asked. */
const CHECK_AT_ONCE = 3000;
const THUMBS = 10;
const SHOWN_SKIPPED = 50;
const SHOWN_CLASSES = 12;

/**
 * `part` is a field of kind "path"; `imageSize()` is the size to decode to, or null, and `color()` "gray" or "rgb"; `beside()` the number of a folder that is
 * compared with this one, or null; `onResult(error or null)`; `onSets({training, test})` where the path is that of a folder
 * which holds both sets, and nobody is typing it; `onDecoded()` where `decoded` became another.
 */
export function watchFolder(part, { imageSize, color, beside, onResult, onSets, onDecoded }) {
  let isTyping = false;
  let running = null;
  let decoding = null;
  let decode = null; // decodes what the path holds, where somebody asked for it
  let decoded = null; // the number of the folder whose files all were decoded
  const setDecoded = (id) => {
    if (id === decoded) return;
    decoded = id;
    onDecoded();
  };

  const decodeAll = async (node, folder) => {
    decoding?.abort();
    decoding = new AbortController();
    const { signal } = decoding;
    decode = () => decodeAll(node, folder);
    replace(node, el("p", { class: "hint" }, "Decoding every file …"));
    try {
      const asked = { image_size: imageSize(), color: color(), beside: beside() };
      const report = await post(api`/api/folders/${folder.folder}/check`, asked, signal);
      if (signal.aborted) return;
      showReport(node, report);
      setDecoded(folder.folder);
    } catch (why) {
      if (!signal.aborted) replace(node, el("p", { class: "hint" }, why.message));
    }
  };

  const check = async () => {
    running?.abort();
    decoding?.abort();
    decode = null;
    setDecoded(null);
    running = new AbortController();
    const { signal } = running;
    const path = part.text;
    if (!path) return;
    try {
      const folder = await post("/api/folders", { path }, signal);
      if (signal.aborted) return;
      if (folder.sets && !isTyping) return onSets(folder.sets);
      if (folder.error) {
        replace(part.extra, placeholder());
        // It may be on the way to one of the two.
        return onResult(folder.sets ? `${folder.error}. Leave the field, or press Enter, to fill in both.` : folder.error);
      }
      part.classes = folder.classes.length;
      onResult(null);
      show(part, folder, decodeAll);
    } catch (why) {
      if (signal.aborted) return;
      replace(part.extra, placeholder());
      onResult(why.status === 0 ? null : why.message); // a server that is away says nothing about the folder
    }
  };
  replace(part.extra, placeholder());
  const later = debounce(check, 400);
  part.input.addEventListener("input", () => {
    isTyping = true;
    later();
  });
  const checkNow = () => {
    isTyping = false;
    check();
  };
  part.input.addEventListener("change", checkNow); // the field was left, or Enter was pressed
  return {
    check: checkNow,
    compare: () => decode?.(),
    get decoded() {
      return decoded;
    },
  };
}

/** As tall as what will be there. */
const placeholder = () => [el("p", { class: "folder-line" }, "\u00a0"), el("div", { class: "thumbs" })];

/** How many pictures each class has; many classes are folded. */
function classCounts({ classes, total }) {
  const each = classes.map(({ name, pictures }) =>
    el("span", { class: "class-count" }, el("strong", {}, name), ` ${pictures}`),
  );
  const all = el("span", { class: "hint" }, count(total, "picture"));
  if (classes.length <= SHOWN_CLASSES) return el("p", { class: "folder-line" }, each, all);
  const counts = classes.map(({ pictures }) => pictures);
  const [least, most] = [Math.min(...counts), Math.max(...counts)].map(integer);
  return el(
    "details",
    { class: "folder-line many" },
    el("summary", {}, el("strong", {}, count(classes.length, "class", "classes")), ` of ${least === most ? least : `${least} to ${most}`} pictures each, `, all),
    el("p", {}, each),
  );
}

function show({ extra, note }, folder, decodeAll) {
  const thumbs = folder.thumbs.slice(0, THUMBS).map((index) =>
    el("img", {
      src: api`/api/folders/${folder.folder}/${index}.png`,
      alt: "",
      width: 40,
      height: 40,
      loading: "lazy",
    }),
  );
  const checked = el("div", { class: "folder-checked" });
  replace(
    extra,
    note && el("p", { class: "hint" }, note),
    classCounts(folder),
    el("div", { class: "thumbs" }, thumbs),
    folder.passed_folders.length > 0 &&
      el(
        "p",
        { class: "hint" },
        `Folders left out: ${folder.passed_folders.map(({ path, reason }) => `${path} (${reason})`).join(", ")}`,
      ),
    checked,
  );
  if (folder.total <= CHECK_AT_ONCE) {
    decodeAll(checked, folder);
  } else {
    const button = el(
      "button",
      { type: "button", class: "small", onclick: () => decodeAll(checked, folder) },
      `Check all ${count(folder.total, "file")}`,
    );
    replace(checked, button);
  }
}

function showReport(node, { usable, skipped, reasons, concerns }) {
  const warnings = concerns.map((concern) => el("p", { class: "hint warn" }, concern));
  if (!skipped.length) return replace(node, el("p", { class: "hint good" }, "✓ every file can be read"), warnings);
  const listed = skipped
    .slice(0, SHOWN_SKIPPED)
    .map(({ path, reason }) => el("li", {}, el("code", {}, path), `: ${reason}`));
  const more = skipped.length - listed.length;
  replace(
    node,
    el(
      "details",
      { class: "skipped" },
      el("summary", {}, `${count(skipped.length, "file")} left out, ${usable} usable`),
      el("p", { class: "hint" }, reasons.map(({ reason, files }) => `${files} × ${reason}`).join(", ")),
      el("ul", {}, listed, more > 0 && el("li", {}, `and ${more} more`)),
    ),
    warnings,
  );
}
