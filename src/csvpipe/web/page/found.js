// What `inspect` has found out about a file: how it is read, on what evidence, its first rows, and what they come to.

import { clone, make } from "./dom.js";
import { errorTable } from "./errors.js";
import { count, plural } from "./format.js";

const MOST_COLUMNS = 12;

const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", ":": "colons", " ": "spaces" };

const WHAT = {
  compression: "Compression",
  encoding: "Encoding",
  dialect: "Dialect",
  preamble: "Lines above",
  header: "Header",
  columns: "Columns",
};

/** One line that says the most important; `isWhole` if all of the file was looked at. */
export function inShort(found, isWhole) {
  const delimiter = found.dialect.delimiter;
  const said = [
    found.source_encoding || found.encoding,
    DELIMITERS[delimiter] || `delimiter ${delimiter}`,
    plural(found.columns.length, "column"),
  ];
  if (found.compression) said.unshift(found.compression);
  if (!found.has_header) said.push("no header");
  if (found.estimated_rows !== null) said.push(`${isWhole ? "" : "about "}${plural(found.estimated_rows, "row")}`);
  return said.join(" · ");
}

/** What is likely to go wrong, in a sentence; null where nothing is. `isWhole` as above. */
export function concern(found, isWhole) {
  const { trial } = found;
  if (trial !== null && trial.rejected > 0) {
    const of = trial.rows === found.estimated_rows && isWhole ? "Of these" : `Of the first ${plural(trial.rows, "row")}`;
    return `${of}, ${count(trial.rejected)} would be rejected.`;
  }
  const doubtful = found.findings.filter((each) => each.confidence < 0.75).map((each) => WHAT[each.what] || each.what);
  return doubtful.length > 0 ? `Not sure: ${doubtful.join(", ").toLowerCase()}. See what was found.` : null;
}

/** All of it. */
export function foundView(found) {
  const view = clone("found-template");
  const list = view.querySelector("dl");
  for (const finding of found.findings) {
    const sure = finding.confidence < 1 ? ` (${Math.round(finding.confidence * 100)} % sure)` : "";
    list.append(
      make(
        "div",
        {},
        make("dt", {}, WHAT[finding.what] || finding.what),
        make("dd", {}, finding.value, " ", make("span", { className: "hint" }, `${finding.evidence}${sure}`)),
      ),
    );
  }
  if (found.trial !== null && found.trial.totals.length > 0) list.after(errorTable(found.trial.totals));
  fillSample(view.querySelector("table.sample"), found);
  if (found.sample_rows.length === 0) view.querySelector(".scroll").remove();
  return view;
}

function fillSample(table, found) {
  const columns = found.columns.slice(0, MOST_COLUMNS);
  const more = found.columns.length - columns.length;
  table.tHead.rows[0].append(...columns.map((name) => make("th", { scope: "col" }, name)));
  if (more > 0) table.tHead.rows[0].append(make("th", { scope: "col" }, `and ${count(more)} more`));
  for (const row of found.sample_rows) {
    const cells = row.slice(0, MOST_COLUMNS).map((text) => make("td", {}, text));
    table.tBodies[0].append(make("tr", {}, ...cells));
  }
}
