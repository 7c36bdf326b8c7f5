// A file that was chosen: looked at, sent, and what has become of it.

import { ask, Disconnected, Problem } from "./api.js";
import { clearBar, showSent } from "./bar.js";
import { clone, part, setAttribute, setText, show } from "./dom.js";
import { bytes } from "./format.js";
import { concern, foundView, inShort } from "./found.js";
import { newKey, send } from "./sending.js";
import { withoutName } from "./words.js";

/** As much of a file as is sent to be looked at. */
const BEGINNING = 256 * 1024;

let ordinal = 0;

export class Picked {
  constructor(file) {
    this.file = file;
    this.id = ++ordinal;
    this.keys = new Map(); // what was stated to the key under which it was sent
    this.phase = "chosen"; // then: sending, or failed
    this.inspection = null;
    this.problem = null; // why it cannot be imported, or was not taken
    this.looking = new AbortController();
    this.sending = new AbortController();
    this.sent = 0;
    this.element = null;
  }

  /**
   * Ask the server what it finds in the file. What is stated may have changed since the last time; until there is an
   * answer the one before stands there, so that no button moves away from under a finger.
   */
  async lookAt({ pipeline, encoding }) {
    this.looking.abort();
    const { signal } = (this.looking = new AbortController());
    const query = { pipeline, encoding, filename: this.file.name, size: this.file.size };
    let inspection = null;
    let problem = null;
    try {
      const body = this.file.slice(0, BEGINNING, "application/octet-stream");
      inspection = await ask("inspect", { method: "POST", query, body, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.isUnauthorized) throw error;
      // That it cannot be looked at now is no reason not to upload it.
      problem = error instanceof Disconnected ? null : withoutName(error.message, this.file.name);
    }
    if (signal.aborted) return;
    Object.assign(this, { inspection, problem, phase: "chosen" });
    this.draw();
  }

  /** Upload it; the job, or null where there is none and the reason is shown. */
  async send(query) {
    this.looking.abort();
    this.phase = "sending";
    this.problem = null;
    this.sent = 0;
    this.draw();
    this.sending = new AbortController();
    try {
      const { signal } = this.sending;
      const onProgress = (fraction) => {
        this.sent = fraction;
        this.draw();
      };
      const entry = await send(this.file, { query, key: this.keyFor(query), onProgress, signal });
      if (entry.job !== null) return entry.job;
      this.problem = entry.problem.detail;
    } catch (error) {
      if (error.name === "AbortError") return null;
      if (error instanceof Problem && error.isUnauthorized) throw error;
      this.problem = error instanceof Disconnected ? `${error.message} Try again: nothing is imported twice.` : error.message;
    } finally {
      this.phase = this.problem === null ? "chosen" : "failed";
      this.draw();
    }
    return null;
  }

  /** Whether the server has said beforehand that it cannot be imported. */
  get isRefused() {
    return this.phase === "chosen" && this.problem !== null;
  }

  giveUp() {
    this.looking.abort();
    this.sending.abort();
  }

  /** The same where the same is sent again, so that it is not imported twice. */
  keyFor(query) {
    const stated = JSON.stringify(query);
    if (!this.keys.has(stated)) this.keys.set(stated, newKey());
    return this.keys.get(stated);
  }

  /** The element that shows it; `remove` and `again` are called when that is asked for. */
  view({ remove, again }) {
    this.element = clone("picked-template");
    part(this.element, "remove").addEventListener("click", remove);
    part(this.element, "again").addEventListener("click", again);
    part(this.element, "more").addEventListener("toggle", () => this.drawFound());
    this.draw();
    return this.element;
  }

  draw() {
    if (this.element === null) return;
    const { name, size } = this.file;
    setText(part(this.element, "name"), name);
    setText(part(this.element, "size"), bytes(size));
    const isSending = this.phase === "sending";
    const remove = part(this.element, "remove");
    setText(remove, isSending ? "Stop" : "Remove");
    setAttribute(remove, "aria-label", `${isSending ? "Stop the upload of" : "Remove"} ${name}`);
    const again = part(this.element, "again");
    show(again, this.phase === "failed");
    setAttribute(again, "aria-label", `Try the upload of ${name} again`);
    const [said, tone] = this.state();
    const state = part(this.element, "state");
    setText(state, said);
    setAttribute(state, "data-tone", tone);
    if (isSending) showSent(part(this.element, "bar"), name, this.sent);
    else clearBar(part(this.element, "bar"));
    show(part(this.element, "more"), this.inspection !== null && !isSending);
    this.drawFound();
  }

  state() {
    if (this.phase === "sending") {
      if (this.sent >= 1) return ["Sent; it is being read…", "calm"];
      return [this.sent > 0 ? `${bytes(this.sent * this.file.size)} sent` : "Waits to be sent", "calm"];
    }
    if (this.problem !== null) return [this.problem, "bad"];
    if (this.inspection === null) return ["", "calm"];
    const isWhole = this.file.size <= BEGINNING && this.inspection.compression === null;
    const said = inShort(this.inspection, isWhole);
    const doubt = concern(this.inspection, isWhole);
    return doubt === null ? [said, "calm"] : [`${said}. ${doubt}`, "warn"];
  }

  /** Made when it is unfolded: of hundreds of files most are not. */
  drawFound() {
    const place = part(this.element, "found");
    const isOpen = part(this.element, "more").open && this.inspection !== null;
    if (isOpen && place.inspection !== this.inspection) place.replaceChildren(foundView(this.inspection));
    place.inspection = isOpen ? this.inspection : null;
  }
}
