// Bars: how much of a file is done, and which share of that has failed.

import { clone, setAttribute } from "./dom.js";
import { figures, handled } from "./words.js";

/** The bar in a place, made when it is first needed. */
function barIn(place) {
  if (place.firstElementChild === null) place.append(clone("bar-template"));
  return place.firstElementChild;
}

function draw(bar, good, bad) {
  const [goodPart, badPart] = bar.children;
  goodPart.style.width = `${good * 100}%`;
  badPart.style.width = `${bad * 100}%`;
}

/** Show how far a job is. */
export function showJob(place, job) {
  const bar = barIn(place);
  const rows = handled(job);
  const failed = rows > 0 ? job.failed_rows / rows : 0;
  // A few failed rows among many are to be seen.
  const bad = failed > 0 ? Math.max(job.fraction * failed, Math.min(0.006, job.fraction / 2)) : 0;
  draw(bar, job.fraction - bad, bad);
  bar.dataset.status = job.status;
  setAttribute(bar, "aria-label", `Progress of ${job.filename}`);
  setAttribute(bar, "aria-valuenow", Math.floor(job.fraction * 100));
  setAttribute(bar, "aria-valuetext", figures(job).join(", "));
}

/** Show how much of a file has been sent. */
export function showSent(place, filename, fraction) {
  const bar = barIn(place);
  draw(bar, fraction, 0);
  bar.dataset.status = "sending";
  setAttribute(bar, "aria-label", `Upload of ${filename}`);
  setAttribute(bar, "aria-valuenow", Math.floor(fraction * 100));
}

export function clearBar(place) {
  place.replaceChildren();
}
