// The jobs that have not ended, with live bars.

import { ask } from "./api.js";
import { showActions } from "./actions.js";
import { showJob } from "./bar.js";
import { byId, clone, fill, part, setText } from "./dom.js";
import { atLeast, count } from "./format.js";
import { showName, showStanding } from "./label.js";
import { figures } from "./words.js";

/** Jobs that are shown of each status: those that run, and what else there is room for. */
const MOST = { processing: 50, paused: 20, pending: 10 };

/** Look once; the jobs that are shown. */
export async function lookAtRunning(signal) {
  const pages = await Promise.all(
    Object.entries(MOST).map(([status, limit]) => ask("jobs", { query: { status, limit }, signal })),
  );
  // Of two answers that were given one after the other, a job may be in both.
  const jobs = [...new Map(pages.flatMap((page) => page.jobs.toReversed()).map((job) => [job.id, job])).values()];
  showSummary(pages, jobs.length);
  fill(byId("running-list"), jobs, {
    keyOf: (job) => job.id,
    make: () => clone("running-template"),
    update: showCard,
    heir: byId("running-title"),
  });
  return jobs;
}

function showSummary([running, paused, waiting], shown) {
  const said = [];
  if (running.total > 0) said.push(`${atLeast(running.total, running)} running`);
  if (waiting.total > 0) said.push(`${atLeast(waiting.total, waiting)} waiting`);
  if (paused.total > 0) said.push(`${atLeast(paused.total, paused)} paused`);
  const total = running.total + paused.total + waiting.total;
  const rest = shown < total ? `; ${count(shown)} of them are shown here, all of them in the history` : "";
  setText(byId("running-summary"), total > 0 ? `${said.join(", ")}${rest}.` : "Nothing is being imported at the moment.");
}

function showCard(card, job) {
  showName(part(card, "name"), job);
  showStanding(part(card, "status"), job);
  showJob(part(card, "bar"), job);
  setText(part(card, "state"), figures(job).join(" · "));
  showActions(part(card, "actions"), job, { heir: byId("running-title") });
}
