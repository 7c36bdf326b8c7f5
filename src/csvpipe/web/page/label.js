// What tells a job wherever it is shown: its name, which leads to it, how it stands, and whether it is a dry run.

import { setAttribute, setText } from "./dom.js";
import { addressOf } from "./route.js";
import { standing } from "./words.js";

export function showName(link, job) {
  setText(link, job.filename);
  setAttribute(link, "href", addressOf(job.id));
}

/** In a badge, and in the one after it that it is a dry run. */
export function showStanding(badge, job) {
  const [word, tone] = standing(job);
  setText(badge, word);
  setAttribute(badge, "data-tone", tone);
  setText(badge.nextElementSibling, job.dry_run ? "Dry run" : "");
}
