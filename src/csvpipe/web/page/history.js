// All jobs, newest first, a page at a time.

import { ask } from "./api.js";
import { byId, clone, fill, part, setAttribute, setText, show } from "./dom.js";
import { atLeast, count, moment } from "./format.js";
import { showName, showStanding } from "./label.js";
import { poke } from "./watch.js";
import { imported } from "./words.js";

const LIMIT = 20;

let page = 1;
let pages = 1;
let last = 1; // the last page; Infinity where nobody has counted so far

/** Look once; the jobs that are shown. */
export async function lookAtHistory(signal) {
  const asked = { page, status: byId("status").value };
  const found = await ask("jobs", { query: { ...asked, limit: LIMIT }, signal });
  if (asked.page !== page || asked.status !== byId("status").value) return found.jobs; // another look is on its way
  pages = Math.max(1, found.pages);
  last = found.is_total_exact ? pages : Infinity;
  if (page > pages) {
    page = pages; // jobs were deleted
    return lookAtHistory(signal);
  }
  fill(byId("history-table").tBodies[0], found.jobs, {
    keyOf: (job) => job.id,
    make: () => clone("history-template"),
    update: showRow,
    heir: byId("history-title"),
  });
  show(byId("history-table"), found.jobs.length > 0);
  showEmpty(found.total === 0, asked.status);
  showPages(found);
  return found.jobs;
}

function showRow(row, job) {
  showName(part(row, "name"), job);
  setText(part(row, "pipeline"), job.parent_id === null ? job.pipeline : `${job.pipeline}, mended rejects`);
  showStanding(part(row, "status"), job);
  setText(part(row, "imported"), count(imported(job)));
  setText(part(row, "rejected"), count(job.failed_rows));
  const submitted = part(row, "submitted");
  setText(submitted, moment(job.created_at));
  setAttribute(submitted, "datetime", job.created_at);
}

function showEmpty(isEmpty, status) {
  show(byId("history-empty"), isEmpty);
  setText(
    byId("history-empty"),
    status === "" ? "Nothing has been imported yet. Files that you upload are listed here." : "No job has this status.",
  );
}

function showPages(found) {
  const nav = byId("pages");
  show(nav, pages > 1);
  setText(part(nav, "place"), `Page ${count(page)} of ${atLeast(pages, found)}, ${atLeast(found.total, found)} jobs`);
  setAttribute(part(nav, "newer"), "aria-disabled", page <= 1);
  setAttribute(part(nav, "older"), "aria-disabled", page >= last);
}

function turn(by) {
  const next = Math.min(last, Math.max(1, page + by));
  if (next === page) return;
  page = next;
  poke();
}

part(byId("pages"), "newer").addEventListener("click", () => turn(-1));
part(byId("pages"), "older").addEventListener("click", () => turn(1));
byId("status").addEventListener("change", () => {
  page = 1;
  poke();
});
