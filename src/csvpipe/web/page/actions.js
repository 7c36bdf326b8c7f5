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

/** Wishes that are noted and not yet fulfilled: a job stops at its next row. Job id to verb. */
const wishes = new Map();

/** Make the buttons in a place those that a job has now. */
export function showActions(place, job, { onDone = () => {}, heir } = {}) {
  const wish = wishes.get(job.id);
  if (wish && !wish.until.includes(job.status)) wishes.delete(job.id);
  fill(place, VERBS[job.status] || [], {
    keyOf: (action) => action.verb,
    make: (action) => make("button", { type: "button", className: "small", onclick: () => start(action, place, onDone) }),
    update: (button, action) => {
      const isWished = wishes.get(job.id) === action;
      setText(button, isWished ? action.doing : action.label);
      setAttribute(button, "aria-label", `${isWished ? action.doing : action.label} ${job.filename}`);
      // Not `disabled`: that would take the focus away from whoever has just pressed it.
      setAttribute(button, "aria-disabled", isWished);
    },
    heir: heir || place.closest("section")?.querySelector("[tabindex='-1']"),
  });
  place.job = job;
}

async function start(action, place, onDone) {
  const { job } = place;
  if (wishes.get(job.id) === action) return;
  if (action.question && !(await confirm(action.question, action.consequence(job), action.yes, action.no))) return;
  wishes.set(job.id, action);
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
