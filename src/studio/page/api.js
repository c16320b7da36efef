// Talks to the server. Every failure is an ApiError with a text for people.

let token = document.querySelector('meta[name="token"]').content;

export class ApiError extends Error {
  /** `status` is 0 where the server did not answer; `errors` are [{field, message}] of a rejected configuration. */
  constructor(message, status, { errors = [], stranger = false } = {}) {
    super(message);
    this.status = status;
    this.isStranger = stranger; // the server, started anew, does not know this page
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

async function send(path, type, body, signal) {
  const attempt = () =>
    ask(path, {
      method: "POST",
      body,
      signal,
      headers: { "Content-Type": type, "X-Pawgrad-Token": token },
    });
  const used = token;
  try {
    return await attempt();
  } catch (why) {
    // A restarted server has a new token; this page may still hold the old one.
    if (why.status !== 403) throw why;
    await refreshToken();
    if (token === used) throw why;
    return attempt();
  }
}

export const post = (path, body = {}, signal) => send(path, "application/json", JSON.stringify(body), signal);

/** As `post`, from a page that goes away: the browser sends it all the same, and nobody hears the answer. */
export const postAtTheEnd = (path, body) =>
  fetch(path, {
    method: "POST",
    keepalive: true,
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Pawgrad-Token": token },
  }).catch(() => {});

export const upload = (path, file) => send(path, "application/octet-stream", file);

/** Takes the token from a fresh copy of the page. */
export async function refreshToken() {
  const page = await (await fetch("/")).text();
  token = new DOMParser().parseFromString(page, "text/html").querySelector('meta[name="token"]')?.content ?? token;
}

/** A path of the API with its parts quoted: api`/api/runs/${name}`. */
export function api(strings, ...values) {
  return strings.reduce((path, part, i) => path + encodeURIComponent(values[i - 1]) + part);
}
