// What a screen reader is told without being asked: little, in whole sentences, and never one thing on top of the other.

import { byId, part, setText, show } from "./dom.js";
import { count } from "./format.js";

const QUIET_MS = 2_500;
const MOST = 3;

let waiting = [];
let timer = null;

/** Say it soon. Of many things that happen at once the first few are told, and how many more there were. */
export function announce(text) {
  waiting.push(text);
  if (timer === null) timer = setTimeout(speak, 150);
}

function speak() {
  timer = null;
  if (waiting.length === 0) return;
  const told = waiting.slice(0, MOST);
  const others = waiting.length - told.length;
  waiting = [];
  byId("announcer").textContent = [...told, ...(others > 0 ? [`And ${count(others)} more.`] : [])].join(" ");
  timer = setTimeout(speak, QUIET_MS);
}

/** Something that was asked for cannot be done: said at once, and shown until it is dismissed. */
export function complain(text) {
  const box = byId("trouble");
  show(box);
  setText(part(box, "text"), text);
}

export function excuse() {
  show(byId("trouble"), false);
}

part(byId("trouble"), "close").addEventListener("click", () => {
  excuse();
  byId("main").focus();
});
