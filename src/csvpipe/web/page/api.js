// Questions to the server, which are those of its OpenAPI document.

import { authorization } from "./session.js";

const base = new URL(document.querySelector('meta[name="csvpipe-api"]').content, document.baseURI);

/** What the server refuses, as it says it: RFC 9457. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The server answered ${status}.`);
    this.status = status;
    this.type = document.type || "";
    this.document = document;
  }

  get isUnauthorized() {
    return this.status === 401;
  }
}

/** There is no answer, or none of ours: the server is away, or on its way up or down. */
export class Disconnected extends Error {}

export function urlOf(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

export const pathOfJob = (id, rest = "") => `jobs/${encodeURIComponent(id)}${rest}`;

/** The problem that an answer is, whoever has sent it. */
export function problemOf(status, text) {
  if (status === 502 || status === 503 || status === 504) return new Disconnected("The server is not available.");
  try {
    return new Problem(status, JSON.parse(text));
  } catch {
    return new Problem(status, {});
  }
}

async function answered(path, { method = "GET", query, body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(urlOf(path, query), { method, body, signal, headers: authorization(), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Disconnected("The server cannot be reached.");
  }
  if (!answer.ok) throw problemOf(answer.status, await answer.text().catch(() => ""));
  return answer;
}

/** What is read of an answer that breaks off in the middle is no answer either. */
async function read(answer, how) {
  try {
    return await answer[how]();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Disconnected("The connection broke off.");
  }
}

export async function ask(path, options) {
  const answer = await answered(path, options);
  return answer.status === 204 ? null : read(answer, "json");
}

/** Have the browser keep an answer as a file: a link could not say who asks. */
export async function download(path, fallbackName) {
  const answer = await answered(path);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await read(answer, "blob"));
  link.download = nameIn(answer.headers.get("Content-Disposition")) || fallbackName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function nameIn(disposition) {
  const found = /filename\*=UTF-8''([^;]+)/.exec(disposition || "");
  return found && decodeURIComponent(found[1]);
}
