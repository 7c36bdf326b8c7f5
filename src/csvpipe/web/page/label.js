// What tells a job wherever it is shown: its name, which leads to it, and how it stands.

import { setAttribute, setText } from "./dom.js";
import { addressOf } from "./route.js";
import { standing } from "./words.js";

export function showName(link, job) {
  setText(link, job.filename);
  setAttribute(link, "href", addressOf(job.id));
}

export function showStanding(badge, job) {
  const [word, tone] = standing(job);
  setText(badge, word);
  setAttribute(badge, "data-tone", tone);
}
