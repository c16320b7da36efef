// A list of the folders that a path which is being typed may become; the browser shows it below the field.

import { post } from "./api.js";
import { debounce, el, replace } from "./dom.js";

/** Completes the paths that are typed into a field. */
export function completePaths({ input, node, field }) {
  const list = el("datalist", { id: `folders-${field.name}` });
  node.append(list);
  input.setAttribute("list", list.id);
  let asked; // so that an answer that comes late does not replace a later one
  const ask = debounce(async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const { folders } = await post("/api/folders/complete", { path: input.value }, asked.signal);
      replace(
        list,
        folders.map((value) => el("option", { value })),
      );
    } catch {
      // Nobody waits for it: what is typed is checked anyway.
    }
  }, 150);
  input.addEventListener("input", ask);
  input.addEventListener("focus", ask);
}
