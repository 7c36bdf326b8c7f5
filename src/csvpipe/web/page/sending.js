// Files on their way to the server, a few at a time, each in a request of its own: with its own progress and its own end.

import { Disconnected, problemOf, urlOf } from "./api.js";
import { authorization } from "./session.js";

/** Of the six connections that a browser makes to a host. */
const AT_ONCE = 2;

const waiting = [];
let sending = 0;

/** A text by which the server knows a repeat of the same upload. Also where the page is not served by HTTPS. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const isSending = () => sending > 0 || waiting.length > 0;

/**
 * Upload one file when it is its turn.
 *
 * @returns The entry of the answer: a job, or a problem. Rejects with Problem, Disconnected or AbortError.
 */
export function send(file, { query, key, onProgress = () => {}, signal }) {
  return new Promise((resolve, reject) => {
    waiting.push({ file, query, key, onProgress, signal, resolve, reject });
    next();
  });
}

function next() {
  while (sending < AT_ONCE && waiting.length > 0) {
    const turn = waiting.shift();
    if (turn.signal?.aborted) {
      turn.reject(new DOMException("given up", "AbortError"));
      continue;
    }
    sending += 1;
    transfer(turn)
      .then(turn.resolve, turn.reject)
      .finally(() => {
        sending -= 1;
        next();
      });
  }
}

/** `fetch` does not tell how much of a body has been sent, so the older way it is. */
function transfer({ file, query, key, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("files", file, file.name);
    request.open("POST", urlOf("upload", query));
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (event) => onProgress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onerror = () => reject(new Disconnected("The connection was lost, or the file has changed since it was chosen."));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    request.onload = () => {
      if (request.status !== 202) return reject(problemOf(request.status, request.responseText));
      try {
        return resolve(JSON.parse(request.responseText).files[0]);
      } catch {
        return reject(new Disconnected("The answer is not the server's."));
      }
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

window.addEventListener("beforeunload", (event) => {
  if (isSending()) event.preventDefault();
});
