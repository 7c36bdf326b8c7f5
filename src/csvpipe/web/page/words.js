// How a job is called and described.

import { count, duration, percent, rate } from "./format.js";

const WORDS = {
  pending: ["Waiting", "calm"],
  processing: ["Running", "busy"],
  paused: ["Paused", "calm"],
  completed: ["Completed", "good"],
  failed: ["Failed", "bad"],
  cancelled: ["Cancelled", "calm"],
};

export const hasEnded = (job) => ["completed", "failed", "cancelled"].includes(job.status);

export const handled = (job) => job.processed_rows + job.failed_rows + job.skipped_rows;

/** Rows that were imported: a dry run has imported none, however many it has found good. */
export const imported = (job) => (job.dry_run ? 0 : job.processed_rows);

/** Rejected rows that nobody has imported since. */
export const openRejects = (job) => Math.max(0, job.failed_rows - job.resolved_rows);

/** A word for where a job stands, and the tone of its badge. */
export function standing(job) {
  if (job.status === "completed" && job.failed_rows > 0) {
    return openRejects(job) > 0 ? ["Completed with rejects", "warn"] : ["Completed, all mended", "good"];
  }
  return WORDS[job.status] || [job.status, "calm"];
}

/** How many rows are done, and of how many where that is known. */
export function rowsOf(job) {
  const whole = job.total_rows;
  const rows = handled(job);
  return whole === null || whole === rows ? count(rows) : `${count(rows)} of ${count(whole)}`;
}

/** Figures of a job that has not ended, in the order of their weight. */
export function figures(job) {
  if (job.status === "pending" && handled(job) === 0) return ["waits for its turn"];
  const found = [percent(job.fraction), `${rowsOf(job)} rows`, `${count(job.failed_rows)} failed`];
  if (job.status !== "processing") return found;
  if (job.rows_per_second !== null) found.push(rate(job.rows_per_second));
  if (job.eta_seconds !== null) found.push(`about ${duration(Math.max(1, job.eta_seconds))} left`);
  return found;
}

/** Why something was refused, without the name of the file where that stands beside it. */
export const withoutName = (text, filename) => (text.startsWith(`${filename}: `) ? text.slice(filename.length + 2) : text);

/** One sentence for a job that has ended. */
export function outcome(job) {
  if (job.status === "failed") return `${job.filename}: the ${job.dry_run ? "dry run" : "import"} failed.`;
  if (job.status === "cancelled") return `${job.filename}: cancelled.`;
  const rejected = job.failed_rows > 0 ? `, ${count(job.failed_rows)} rejected` : "";
  if (job.dry_run) return `${job.filename}: dry run completed, ${count(job.processed_rows)} good${rejected}.`;
  return `${job.filename}: completed, ${count(job.processed_rows)} imported${rejected}.`;
}
