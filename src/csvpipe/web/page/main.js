// From the address and the answers of the server to what is shown: signing in, all imports, or one job.

import { announce, complain, excuse } from "./announce.js";
import { ask, Disconnected, Problem } from "./api.js";
import { byId, setText, show } from "./dom.js";
import { count, plural } from "./format.js";
import { lookAtHistory } from "./history.js";
import { complainOfNone, lookAtJob, openJob } from "./job.js";
import { jobIdOf } from "./route.js";
import { lookAtRunning } from "./running.js";
import { forget, keep, token } from "./session.js";
import { closeUpload, openUpload } from "./upload.js";
import { unwatch, watch } from "./watch.js";
import { hasEnded, outcome } from "./words.js";

const TITLE = document.title;

let isSignedIn = false;

function view(id) {
  for (const each of ["sign-in", "home", "job"]) show(byId(each), each === id);
  show(byId("sign-out"), token() !== null && id !== "sign-in");
}

// Signing in ----------------------------------------------------------------------------------------------------------

/** Let in whoever the server lets in: by a token, by a cookie of the application's, or everybody. */
async function start() {
  try {
    await openUpload(onProblem);
    isSignedIn = true;
    if (jobIdOf(location.hash) === undefined) history.replaceState(null, "", "#/");
    route();
  } catch (error) {
    if (error instanceof Disconnected) {
      complain(`${error.message} Trying again…`);
      setTimeout(start, 2_000);
      return;
    }
    onProblem(error);
  }
}

function signIn(why = "") {
  isSignedIn = false;
  unwatch();
  forget();
  closeUpload();
  document.title = TITLE;
  setText(byId("token-problem"), why);
  view("sign-in");
  byId("token").focus();
}

byId("sign-in").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("token");
  const given = field.value.trim();
  if (given === "" || /[^\x21-\x7e]/.test(given)) return setText(byId("token-problem"), "This is no token.");
  keep(given);
  excuse();
  try {
    await openUpload(onProblem);
  } catch (error) {
    forget();
    const isUnknown = error instanceof Problem && error.isUnauthorized;
    setText(byId("token-problem"), isUnknown ? "Nobody has this token." : error.message);
    field.focus();
    return undefined;
  }
  field.value = "";
  setText(byId("token-problem"), "");
  isSignedIn = true;
  return route({ isMoved: true });
});

byId("sign-out").addEventListener("click", () => signIn());

/** Something that was asked for is refused. */
function onProblem(error) {
  if (error instanceof Problem && error.isUnauthorized) {
    signIn(token() === null ? "" : "The token is not valid any more: sign in again.");
    return;
  }
  complain(error.message);
}

// Views ---------------------------------------------------------------------------------------------------------------

/** Show what the address says. */
function route({ isMoved = false } = {}) {
  const id = jobIdOf(location.hash);
  if (!isSignedIn || id === undefined) return;
  excuse();
  if (id === null) {
    document.title = TITLE;
    view("home");
    watch(lookAtAll, onProblem);
  } else {
    openJob();
    view("job");
    watch((signal) => lookAtJob(id, signal), onProblemOfJob);
  }
  if (isMoved) byId(id === null ? "home-title" : "job-title").focus({ preventScroll: false });
  if (isMoved) window.scrollTo(0, 0);
}

window.addEventListener("hashchange", () => route({ isMoved: true }));

function onProblemOfJob(error) {
  if (error instanceof Problem && error.status === 404) {
    location.hash = "#/";
    // When the address has changed, which takes away what is complained of.
    window.addEventListener("hashchange", complainOfNone, { once: true });
    return;
  }
  onProblem(error);
}

/** Jobs of which it was seen that they have not ended, by their id. */
const going = new Map();

async function lookAtAll(signal) {
  const [running, recent] = await Promise.all([lookAtRunning(signal), lookAtHistory(signal)]);
  tellEnded(running, recent);
  return running.some((job) => job.status !== "paused");
}

/** Say which jobs have ended since the last look, as far as they are shown; of the others, how many there are. */
function tellEnded(running, recent) {
  const ids = new Set(running.map((job) => job.id));
  const seen = new Map(recent.map((job) => [job.id, job]));
  let others = 0;
  for (const [id, job] of going) {
    if (ids.has(id)) continue;
    const now = seen.get(id);
    if (now !== undefined && !hasEnded(now)) continue;
    going.delete(id);
    if (now !== undefined) announce(outcome(now));
    else if (job.status === "processing") others += 1;
  }
  if (others > 0) announce(`${plural(others, "import")} ${others === 1 ? "has" : "have"} ended.`);
  for (const job of [...running, ...recent]) if (!hasEnded(job)) going.set(job.id, job);
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is about what is shown
  byId("main").focus();
});

start();
