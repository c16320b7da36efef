// Talks to the server. Every failure is an ApiError with a text for people.

import { goToEntrance, pageToken } from "./door.js";

export class ApiError extends Error {
  /** `status` is 0 where the server did not answer; `errors` are [{field, message}] of a rejected configuration. */
  constructor(message, status, { errors = [], stranger = false, outdated = false } = {}) {
    super(message);
    this.status = status;
    this.isStranger = stranger; // the server, started anew, does not know this visitor
    this.isOutdated = outdated; // nor this page
    this.errors = errors;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (why) {
    if (why.name === "AbortError") throw why;
    throw new ApiError("The server does not answer. Is it still running?", 0);
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    if (response.ok) throw new ApiError(`The server's answer to ${path} is not JSON.`, response.status);
  }
  if (!response.ok) {
    throw new ApiError(
      answer.error ?? `The server answered ${response.status} ${response.statusText}`,
      response.status,
      answer,
    );
  }
  return answer;
}

export const get = (path, signal) => ask(path, { signal });

const headers = (type) => ({ "Content-Type": type, "X-Pawgrad-Token": pageToken() ?? "" });

async function send(path, type, body, signal) {
  try {
    return await ask(path, { method: "POST", body, signal, headers: headers(type) });
  } catch (why) {
    if (why.isOutdated) goToEntrance();
    throw why;
  }
}

export const post = (path, body = {}, signal) => send(path, "application/json", JSON.stringify(body), signal);

/** As `post`, from a page that goes away: the browser sends it all the same, and nobody hears the answer. */
export const postAtTheEnd = (path, body) =>
  fetch(path, {
    method: "POST",
    keepalive: true,
    body: JSON.stringify(body),
    headers: headers("application/json"),
  }).catch(() => {});

export const upload = (path, file) => send(path, "application/octet-stream", file);

/** A path of the API with its parts quoted: api`/api/runs/${name}`. */
export function api(strings, ...values) {
  return strings.reduce((path, part, i) => path + encodeURIComponent(values[i - 1]) + part);
}
