// What may be done to a job, as buttons.

import { ask, Disconnected, pathOfJob } from "./api.js";
import { complain, excuse } from "./announce.js";
import { byId, fill, make, part, setAttribute, setText } from "./dom.js";
import { poke } from "./watch.js";

const PAUSE = { verb: "pause", label: "Pause", doing: "Pausing…", until: ["processing", "pending"] };
const RESUME = { verb: "resume", label: "Resume", doing: "Resuming…", until: ["paused"] };
const RETRY = { verb: "retry", label: "Try again", doing: "Trying again…", until: ["failed"] };
const CANCEL = {
  verb: "cancel",
  label: "Cancel",
  doing: "Cancelling…",
  until: ["processing", "pending", "paused"],
  question: "Cancel this import?",
  consequence: (job) => `${job.filename}: rows that are imported stay, the others are not imported any more.`,
  no: "Let it go on",
  yes: "Cancel the import",
};

const VERBS = {
  pending: [PAUSE, CANCEL],
  processing: [PAUSE, CANCEL],
  paused: [RESUME, CANCEL],
  failed: [RETRY],
};

/** After so long a wish that is not fulfilled may be made again: another page may have taken it back. */
const PATIENCE_MS = 20_000;

/** Wishes that are noted and not yet fulfilled: a job stops at its next row. By the id of the job. */
const wishes = new Map();

const isWished = (job, action) => wishes.get(job.id)?.action === action;

/** Make the buttons in a place those that a job has now. */
export function showActions(place, job, { onDone = () => {}, heir } = {}) {
  const wish = wishes.get(job.id);
  const isOver = wish && (!wish.action.until.includes(job.status) || Date.now() - wish.since > PATIENCE_MS);
  if (isOver) wishes.delete(job.id);
  fill(place, VERBS[job.status] || [], {
    keyOf: (action) => action.verb,
    make: (action) => make("button", { type: "button", className: "small", onclick: () => start(action, place, onDone) }),
    update: (button, action) => {
      const label = isWished(job, action) ? action.doing : action.label;
      setText(button, label);
      setAttribute(button, "aria-label", `${label} ${job.filename}`);
      // Not `disabled`: that would take the focus away from whoever has just pressed it.
      setAttribute(button, "aria-disabled", isWished(job, action));
    },
    heir: heir || place.closest("section")?.querySelector("[tabindex='-1']"),
  });
  place.job = job;
}

async function start(action, place, onDone) {
  const { job } = place;
  if (isWished(job, action)) return;
  if (action.question && !(await confirm(action.question, action.consequence(job), action.yes, action.no))) return;
  wishes.set(job.id, { action, since: Date.now() });
  showActions(place, place.job, { onDone });
  excuse();
  try {
    onDone(await ask(pathOfJob(job.id, `/${action.verb}`), { method: "POST" }));
  } catch (error) {
    wishes.delete(job.id);
    complainOf(error, job);
    showActions(place, place.job, { onDone });
  }
  poke();
}

export function complainOf(error, job) {
  const why = error instanceof Disconnected ? `${error.message} Try it again in a moment.` : error.message;
  complain(`${job.filename}: ${why}`);
}

/** Ask whoever is at it, in a dialog that begins with the harmless answer. */
export function confirm(question, consequence, yes, no) {
  const dialog = byId("confirm");
  setText(byId("confirm-title"), question);
  setText(byId("confirm-text"), consequence);
  setText(part(dialog, "yes"), yes);
  setText(part(dialog, "no"), no);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
