// Which of its two views the page shows, by the part of its address behind `#`: that is kept by Back and by bookmarks.

const JOB = /^#\/jobs\/([\w-]+)$/;

export const addressOf = (jobId) => `#/jobs/${encodeURIComponent(jobId)}`;

/** The id of the job that is shown; null for the list of all; undefined where the address is about something else. */
export function jobIdOf(hash) {
  const found = JOB.exec(hash);
  if (found) return found[1];
  return hash === "" || hash === "#/" || hash === "#" ? null : undefined;
}
