// Looks at the server again and again, so that what is shown is what is so.
//
// What is asked for is what is shown: a few pages of jobs, however many there are. A stream for each job would be a
// connection for each, of which browsers allow six; and would tell of jobs that nobody looks at.

import { Disconnected } from "./api.js";
import { byId, part, setText, show } from "./dom.js";

const BUSY_MS = 1_000;
const CALM_MS = 5_000;
const MOST_MS = 15_000;

let look = null;
let abort = null;
let wake = null;
let isStale = false; // what is seen by the look that is on its way
let isRunning = false;
let failures = 0;

/**
 * From now on, call `looker` with an AbortSignal again and again, in place of the one before. It tells whether anything
 * is going on, and what it throws is handed to `onProblem` unless the server is away.
 */
export function watch(looker, onProblem) {
  look = { looker, onProblem };
  abort?.abort();
  poke();
  if (!isRunning) run();
}

export function unwatch() {
  look = null;
  abort?.abort();
  poke();
  found();
}

/** Look at once: something was done that changes what is to be seen. */
export function poke() {
  isStale = true;
  wake?.();
}

async function run() {
  isRunning = true;
  while (look !== null) {
    const delay = await lookOnce();
    await rest(delay);
  }
  isRunning = false;
}

async function lookOnce() {
  const { looker, onProblem } = look;
  isStale = false;
  abort = new AbortController();
  const { signal } = abort;
  try {
    const isBusy = await looker(signal);
    if (signal.aborted) return 0;
    found();
    return isBusy ? BUSY_MS : CALM_MS;
  } catch (error) {
    if (signal.aborted) return 0;
    if (error instanceof Disconnected) return lost(error);
    onProblem(error);
    return CALM_MS;
  }
}

function lost(error) {
  failures += 1;
  const delay = Math.min(MOST_MS, BUSY_MS * 2 ** (failures - 1));
  setText(part(byId("connection"), "reason"), error.message);
  show(byId("connection"));
  return delay;
}

function found() {
  failures = 0;
  show(byId("connection"), false);
}

/** Until the time is over or somebody wakes us; and while nobody sees the page. */
async function rest(delay) {
  if (delay > 0 && !isStale) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  wake = null;
  if (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

part(byId("connection"), "retry").addEventListener("click", poke);
window.addEventListener("online", poke);
