// The card for uploads: files that are chosen or dropped, looked at, and sent.

import { announce, complain, excuse } from "./announce.js";
import { ask } from "./api.js";
import { byId, fill, make, setText, show } from "./dom.js";
import { count, plural } from "./format.js";
import { Picked } from "./picked.js";
import { poke } from "./watch.js";
import { withoutName } from "./words.js";

/** Files that are listed, and looked at without being asked to. */
const LISTED = 50;
const LOOKED_AT = 10;

let picked = [];
let pipelines = [];
let onUnauthorized = () => {};

/** Show what can be uploaded to. */
export async function openUpload(whenUnauthorized) {
  onUnauthorized = whenUnauthorized;
  ({ pipelines } = await ask("pipelines"));
  const select = byId("pipeline");
  const before = select.value;
  select.replaceChildren(...pipelines.map(({ name }) => make("option", { value: name }, name)));
  if (pipelines.some(({ name }) => name === before)) select.value = before;
  showColumns();
  draw();
}

/** Forget all: somebody else may sign in. */
export function closeUpload() {
  for (const each of picked) each.giveUp();
  picked = [];
  show(byId("upload-result"), false);
  draw();
}

const stated = () => ({ pipeline: byId("pipeline").value, encoding: byId("encoding").value.trim() });

function showColumns() {
  const pipeline = pipelines.find(({ name }) => name === byId("pipeline").value);
  const columns = pipeline?.columns ?? null;
  if (columns === null) return setText(byId("pipeline-columns"), "Takes the columns that a file has.");
  const named = (isRequired) => columns.filter((each) => each.is_required === isRequired).map((each) => each.name);
  const may = named(false);
  const must = named(true);
  const said = [];
  if (must.length > 0) said.push(`Needs the column${must.length > 1 ? "s" : ""} ${must.join(", ")}.`);
  if (may.length > 0) said.push(`May have ${may.join(", ")}.`);
  return setText(byId("pipeline-columns"), said.join(" "));
}

// Choosing ------------------------------------------------------------------------------------------------------------

function add(files) {
  if (files.length === 0) return;
  excuse();
  show(byId("upload-result"), false);
  const added = [...files].map((file) => new Picked(file));
  picked.push(...added);
  draw();
  announce(`${plural(added.length, "file")} chosen.`);
  look(picked.slice(0, LOOKED_AT).filter((each) => added.includes(each)));
}

async function look(some) {
  try {
    await Promise.all(some.map((each) => each.lookAt(stated())));
    draw();
  } catch (error) {
    onUnauthorized(error);
  }
}

function lookAgain() {
  look(picked.slice(0, LOOKED_AT).filter((each) => each.phase !== "sending"));
}

function remove(one) {
  one.giveUp();
  picked = picked.filter((each) => each !== one);
  draw();
}

const waitingOnes = () => picked.filter((each) => each.phase !== "sending");

/** Those that are sent together: without any that cannot be imported, unless there are no others. */
function fitOnes() {
  const waiting = waitingOnes();
  const fit = waiting.filter((each) => !each.isRefused);
  return fit.length > 0 ? fit : waiting;
}

function draw() {
  fill(byId("picked"), picked.slice(0, LISTED), {
    keyOf: (each) => each.id,
    make: (each) => each.view({ remove: () => remove(each), again: () => sendAll([each]) }),
    update: () => {},
    heir: byId("upload-title"),
  });
  const more = picked.length - LISTED;
  show(byId("picked-more"), more > 0);
  setText(byId("picked-more"), more > 0 ? `And ${plural(more, "more file")}.` : "");
  show(byId("upload-actions"), picked.length > 0);
  const waiting = waitingOnes().length;
  const fit = fitOnes().length;
  const send = byId("send");
  setText(send, waiting === 0 ? "Uploading…" : `Upload ${fit < waiting ? `${count(fit)} of ` : ""}${plural(waiting, "file")}`);
  send.setAttribute("aria-disabled", waiting === 0);
  setText(byId("clear"), waiting === 0 ? "Stop all" : "Remove all");
}

// Sending -------------------------------------------------------------------------------------------------------------

async function sendAll(some) {
  if (some.length === 0) return;
  excuse();
  const query = { ...stated(), dry_run: byId("dry-run").checked ? "true" : "" };
  const sendings = some.map((each) => sendOne(each, query));
  draw();
  const jobs = (await Promise.all(sendings)).filter((job) => job !== null);
  showResult(jobs, some.length);
}

async function sendOne(one, query) {
  try {
    const job = await one.send(query);
    if (job !== null) {
      picked = picked.filter((each) => each !== one);
      poke();
    }
    draw();
    return job;
  } catch (error) {
    onUnauthorized(error);
    return null;
  }
}

function showResult(jobs, asked) {
  const refused = jobs.filter((job) => job.status === "failed");
  const said = [];
  if (jobs.length > 0) said.push(`${plural(jobs.length, "file")} uploaded.`);
  if (refused.length === 1) said.push(`${refused[0].filename} cannot be imported: ${withoutName(refused[0].error_message, refused[0].filename)}`);
  if (refused.length > 1) said.push(`${count(refused.length)} of them cannot be imported; the history has the reasons.`);
  const left = asked - jobs.length;
  if (left > 0 && picked.length > 0) said.push(`${plural(left, "file")} not uploaded.`);
  if (said.length === 0) return;
  setText(byId("upload-result"), said.join(" "));
  show(byId("upload-result"));
  announce(said.join(" "));
}

// Events --------------------------------------------------------------------------------------------------------------

byId("files").addEventListener("change", (event) => {
  add(event.target.files);
  event.target.value = ""; // so that the same file can be chosen again
});
byId("pipeline").addEventListener("change", () => {
  showColumns();
  lookAgain();
});
byId("encoding").addEventListener("change", lookAgain);
byId("send").addEventListener("click", () => sendAll(fitOnes()));
byId("clear").addEventListener("click", () => {
  closeUpload();
  byId("upload-title").focus();
});

const hasFiles = (event) => event.dataTransfer !== null && [...event.dataTransfer.types].includes("Files");

function over(event) {
  if (!hasFiles(event)) return;
  event.preventDefault(); // or the browser would leave the page for the file
  byId("drop").classList.add("over");
}

document.addEventListener("dragenter", over);
document.addEventListener("dragover", over);
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) byId("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  byId("drop").classList.remove("over");
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (byId("home").hidden) return;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...event.dataTransfer.files].filter((_, index) => !entries[index]?.isDirectory);
  add(files);
  if (files.length < event.dataTransfer.files.length) complain("Folders cannot be dropped here: drop the files in them.");
});
