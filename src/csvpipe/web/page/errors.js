// Row errors by code and column, with a few of each.

import { clone, make } from "./dom.js";
import { count } from "./format.js";

const MOST_TEXT = 200;

/** A table of totals, which are the most frequent first. */
export function errorTable(totals) {
  const table = clone("errors-template");
  const body = table.tBodies[0];
  for (const total of totals) {
    body.append(
      make(
        "tr",
        {},
        make("th", { scope: "row" }, make("code", {}, total.code)),
        cell("Column", total.column === null ? make("span", { className: "hint" }, "whole row") : total.column),
        cell("Errors", count(total.errors), "number"),
        cell("For example", samples(total.samples)),
      ),
    );
  }
  return table;
}

function cell(label, content, className = "") {
  const element = make("td", { className }, content);
  element.dataset.label = label;
  return element;
}

function samples(errors) {
  const list = make("ul", { className: "samples" });
  for (const error of errors) {
    const place = make("span", { className: "hint" }, `row ${count(error.row)}, line ${count(error.line)}: `);
    const said = make("span", {}, shortened(error.message));
    const item = make("li", {}, place, said);
    if (error.value && !error.message.includes(error.value)) item.append(" ", make("code", {}, shortened(error.value)));
    list.append(item);
  }
  return list;
}

const shortened = (text) => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text);
