// Keep what is not saved yet in this tab, in case the page goes away, and offer it when the page comes back.

import { h } from "./dom.js";

export class KeptDraft {
  // One for each state of a segment: what was begun on another one is not offered.
  constructor(what, seen) {
    this.key = `segmenter-draft/${what}/${seen ?? ""}`;
    this.isOffered = false;
  }

  keep(rule, fields) {
    if (this.isOffered) return;
    const held = { rule, at: Date.now(), fields: Object.fromEntries(fields.map((field) => [field.id, field.value])) };
    this.storing(() => window.sessionStorage.setItem(this.key, JSON.stringify(held)));
  }

  drop() {
    if (!this.isOffered) this.storing(() => window.sessionStorage.removeItem(this.key));
  }

  // A tab may forbid it or be full: then nothing is kept, and everything else works.
  storing(action) {
    try {
      return action();
    } catch {
      return null;
    }
  }

  offer(use) {
    const held = this.storing(() => JSON.parse(window.sessionStorage.getItem(this.key)));
    if (!held) return null;
    this.isOffered = true;
    const done = (then) => () => {
      this.isOffered = false;
      banner.remove();
      then();
    };
    const at = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(held.at);
    const banner = h(
      "p",
      { class: "seg-banner" },
      `Unsaved changes from ${at}: `,
      h("button", { type: "button", class: "seg-link", onclick: done(() => use(held)) }, "Use them"),
      " / ",
      h("button", { type: "button", class: "seg-link", onclick: done(() => this.drop()) }, "Drop them"),
    );
    return banner;
  }
}
