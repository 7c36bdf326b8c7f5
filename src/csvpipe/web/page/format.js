// Numbers and times as people read them.

const numbers = new Intl.NumberFormat("en");
const rough = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const moments = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export const count = (number) => numbers.format(number);

/** A number of jobs or pages, marked where there may be more. */
export const atLeast = (number, page) => `${count(number)}${page.is_total_exact ? "" : "+"}`;

export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

export function bytes(size) {
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${rough.format(size)} ${UNITS[unit]}`;
}

/** Rounded down, as what is not done is not 100 %. */
export const percent = (fraction) => `${Math.floor(fraction * 100)} %`;

export const rate = (rowsPerSecond) => `${rough.format(rowsPerSecond)} rows/s`;

export function duration(seconds) {
  if (seconds < 0.95) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const moment = (iso) => moments.format(new Date(iso));
