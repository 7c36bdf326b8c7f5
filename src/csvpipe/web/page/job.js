// The view of one job: how far it is, why rows were rejected, and the way back for those that are mended.

import { announce, complain, excuse } from "./announce.js";
import { ask, Disconnected, download, pathOfJob, Problem } from "./api.js";
import { complainOf, confirm, showActions } from "./actions.js";
import { showJob, showSent } from "./bar.js";
import { byId, fill, make, part, setAttribute, setText, show } from "./dom.js";
import { errorTable } from "./errors.js";
import { count, duration, moment, percent, plural, rate } from "./format.js";
import { foundView } from "./found.js";
import { showStanding } from "./label.js";
import { addressOf } from "./route.js";
import { newKey, send } from "./sending.js";
import { hasEnded, openRejects, outcome, rowsOf, withoutName } from "./words.js";

let shown = null; // the job, as it was seen last
let before = null; // what is drawn of its errors and its inspection
let mending = null; // the upload of its mended rejects

/** Begin with another job: nothing of the one before is to be seen meanwhile. */
export function openJob() {
  shown = before = null;
  mending?.abort();
  mending = null;
  setText(byId("job-title"), "…");
  for (const id of ["job-about", "job-status", "job-dry-run", "job-figures", "job-bar", "job-actions", "rejects-table", "reading-found"]) {
    byId(id).replaceChildren();
  }
  for (const id of ["job-failure", "job-parent", "rejects", "reading", "mended-state", "delete"]) show(byId(id), false);
  setText(byId("rejects-problem"), "");
}

/** Look once; whether anything is going on. */
export async function lookAtJob(id, signal) {
  const job = await ask(pathOfJob(id), { signal });
  if (shown !== null && !hasEnded(shown) && hasEnded(job)) announce(outcome(job));
  drawJob(job);
  await drawMore(job, signal);
  return !hasEnded(job) && job.status !== "paused";
}

function drawJob(job) {
  shown = job;
  setText(byId("job-title"), job.filename);
  document.title = `${job.filename} – CSV imports`;
  showStanding(byId("job-status"), job);
  setText(byId("job-about"), `${job.pipeline}, submitted ${moment(job.created_at)}`);
  show(byId("job-parent"), job.parent_id !== null);
  if (job.parent_id !== null) setAttribute(byId("job-parent").firstElementChild, "href", addressOf(job.parent_id));
  showJob(byId("job-bar"), job);
  showFigures(job);
  show(byId("job-failure"), job.status === "failed");
  setText(part(byId("job-failure"), "text"), withoutName(job.error_message || "", job.filename));
  showActions(byId("job-actions"), job, { onDone: drawJob, heir: byId("job-title") });
  show(byId("delete"), hasEnded(job));
  setAttribute(byId("delete"), "aria-label", `Delete ${job.filename}`);
}

function showFigures(job) {
  const found = [
    ["Rows", rowsOf(job)],
    [job.dry_run ? "Good" : "Imported", count(job.processed_rows)],
    ["Rejected", count(job.failed_rows)],
  ];
  if (job.skipped_rows > 0) found.push(["Skipped", count(job.skipped_rows)]);
  if (job.rows_per_second !== null) found.push(["Pace", rate(job.rows_per_second)]);
  if (hasEnded(job)) {
    if (job.started_at !== null) found.push([job.attempt > 1 ? "Took since it was begun" : "Took", duration(job.elapsed_seconds)]);
  } else {
    found.push(["Done", percent(job.fraction)]);
    if (job.eta_seconds !== null) found.push(["Left", `about ${duration(Math.max(1, job.eta_seconds))}`]);
  }
  fill(byId("job-figures"), found, {
    keyOf: ([name]) => name,
    make: ([name]) => make("div", {}, make("dt", {}, name), make("dd", {})),
    update: (element, [, value]) => setText(element.lastElementChild, value),
  });
}

byId("delete").addEventListener("click", async () => {
  const job = shown;
  const consequence = `${job.filename}: what was imported stays. The upload, its errors and its rejects are gone for good.`;
  if (!(await confirm("Delete this job?", consequence, "Delete it", "Keep it"))) return;
  excuse();
  try {
    await ask(pathOfJob(job.id), { method: "DELETE" });
    announce(`${job.filename}: deleted.`);
    location.hash = "#/";
  } catch (error) {
    complainOf(error, job);
  }
});

// Errors and inspection -----------------------------------------------------------------------------------------------

async function drawMore(job, signal) {
  const errors = `${job.failed_rows} ${job.status}`;
  showRejects(job);
  if (job.failed_rows > 0 && before?.errors !== errors) {
    const { totals } = await ask(pathOfJob(job.id, "/errors/summary"), { signal });
    byId("rejects-table").replaceChildren(errorTable(totals));
    before = { ...before, errors };
  }
  if (before?.inspection === undefined) {
    const inspection = await ask(pathOfJob(job.id, "/inspection"), { signal });
    before = { ...before, inspection };
    show(byId("reading"), inspection !== null);
    if (inspection !== null) byId("reading-found").replaceChildren(foundView(inspection));
  }
}

function showRejects(job) {
  show(byId("rejects"), job.failed_rows > 0);
  const open = openRejects(job);
  const mended = job.failed_rows - open;
  const said = [`${plural(job.failed_rows, "row")} rejected so far.`];
  if (hasEnded(job)) {
    said[0] = `${plural(job.failed_rows, "row")} rejected${mended > 0 ? `, ${count(mended)} of them mended since` : ""}.`;
    if (job.dry_run) said.push("Nothing was imported: mend the file and upload all of it.");
    else if (open > 0) {
      const them = open === 1 ? "it" : "them";
      said.push(`Download ${them}, mend ${them} in an editor or a spreadsheet, and upload the mended file.`);
    }
  }
  setText(byId("rejects-text"), said.join(" "));
  show(byId("download"), hasEnded(job));
  show(byId("mended-label").parentElement, hasEnded(job) && open > 0 && !job.dry_run);
}

byId("download").addEventListener("click", async () => {
  const job = shown;
  setText(byId("rejects-problem"), "");
  try {
    await download(pathOfJob(job.id, "/rejects.csv"), "rejects.csv");
    announce("The rejects are downloaded.");
  } catch (error) {
    setText(byId("rejects-problem"), error.message);
  }
});

// The mended file -----------------------------------------------------------------------------------------------------

byId("mended").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file !== undefined && mending === null) sendMended(file, shown);
});

async function sendMended(file, job) {
  const state = byId("mended-state");
  const bar = state.querySelector(".sent") || state.appendChild(make("div", { className: "sent" }));
  const onProgress = (fraction) => {
    showSent(bar, file.name, fraction);
    setText(part(state, "text"), fraction < 1 ? `${file.name}: ${percent(fraction)} sent` : `${file.name} is being read…`);
  };
  const ours = (mending = new AbortController());
  setText(byId("rejects-problem"), "");
  onProgress(0);
  show(state);
  try {
    const query = { pipeline: job.pipeline, parent: job.id };
    const entry = await send(file, { query, key: newKey(), onProgress, signal: ours.signal });
    if (entry.job === null) throw new Problem(entry.problem.status, entry.problem);
    if (mending === ours) {
      announce(`${file.name} is uploaded.`);
      location.hash = addressOf(entry.job.id);
    }
  } catch (error) {
    if (mending !== ours) return;
    const again = error instanceof Disconnected ? " Try it again in a moment." : "";
    setText(byId("rejects-problem"), `${file.name}: ${error.message}${again}`);
    byId("mended").focus();
  } finally {
    if (mending === ours) mending = null;
    show(state, false);
  }
}

/** There is no such job, or none of this owner's any more. */
export function complainOfNone() {
  complain("There is no such job, or it has been deleted.");
}
