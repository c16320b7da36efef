// Pictures that the server holds for this page, from files, the clipboard or paths.

import { api, ApiError, post, upload } from "./api.js";

const MOST_BYTES = 16 * 1024 * 1024;

/** All pictures so far, oldest first: {id, name, original}; `original` is an address of the coloured file, if we have it. */
export const pictures = [];
const watchers = new Set();
export const onPictures = (act) => watchers.add(act);

function add(picture) {
  pictures.push(picture);
  for (const act of watchers) act();
  return picture;
}

export async function addFile(file) {
  if (file.size > MOST_BYTES) {
    throw new ApiError(`The file has ${(file.size / 1048576).toFixed(1)} MiB: at most 16 MiB are taken.`, 413);
  }
  const { picture } = await upload("/api/pictures", file);
  return add({ id: picture, name: file.name || "pasted picture", original: URL.createObjectURL(file) });
}

/** A path inside a data folder; the same path twice is the same picture. */
export async function addPath(path) {
  const known = pictures.find((picture) => picture.path === path);
  if (known) return known;
  const { picture, name } = await post("/api/pictures", { path });
  return add({ id: picture, name: name ?? path, path, original: null });
}

/** A picture that the server knows already, such as a test picture. */
export function addKnown(id, name) {
  return pictures.find((picture) => picture.id === id) ?? add({ id, name, original: null });
}

/** The square that a network of that size and colour sees. */
export const seenBy = (id, size, color = "gray") => `${api`/api/pictures/${id}.png`}?size=${size}&color=${color}`;

/** After the server has changed, its pictures are gone. */
export function forgetPictures() {
  for (const { original } of pictures.splice(0)) if (original) URL.revokeObjectURL(original);
  for (const act of watchers) act();
}
