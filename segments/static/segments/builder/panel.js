// Beside the rule, after each change: the sentence, how many, what saving changes, how each condition narrows, ten
// people, facets, and why somebody is in or not.

import { Count } from "./count.js";
import { h, people, share, uid } from "./dom.js";
import { Facets } from "./facets.js";
import { Funnel } from "./funnel.js";
import { explained, peopleTable } from "./members.js";
import { NOT_CONNECTED, SIGNED_OUT } from "./server.js";
import { write } from "./tree.js";

const TYPING = 250; // milliseconds after the last key
const SLOW = 1000;
const ANNOUNCED = 1000;

export class Panel {
  // `trouble(words)` says above everything what keeps the page from its server, and with "" that nothing does.
  constructor({ editor, server, live, segment, contacts, importing, trouble }) {
    Object.assign(this, { editor, server, live, segment, contacts, trouble });
    this.count = new Count({ editor, live, importing, without: (rule) => this.countOf(rule) });
    this.funnel = new Funnel(editor);
    this.facets = new Facets(editor, () => this.askFacets());
    this.asked = 0;
    this.seed = 0;
    this.said = null;
    this.build();
    document.addEventListener("visibilitychange", () => !document.hidden && this.isPending && this.ask());
  }

  build() {
    const title = uid("panel");
    const part = (name) => {
      this[name] = h("div", { class: `seg-part seg-${name}` });
      return this[name];
    };
    this.who = h("input", {
      type: "text",
      id: uid("who"),
      autocomplete: "off",
      placeholder: "E-mail, phone or external id",
    });
    const asking = h(
      "div",
      { class: "seg-who" },
      h("label", { for: this.who.id }, "Is someone in?"),
      this.who,
      h("button", { type: "button", class: "seg-small", onclick: () => this.askWhy() }, "Look"),
    );
    this.who.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.askWhy();
    });
    this.details = h(
      "div",
      { class: "seg-details", id: uid("details"), hidden: true },
      part("sentence"),
      this.funnel.element,
      part("people"),
      part("others"),
      asking,
      part("why"),
      h("div", { class: "seg-part" }, h("h3", {}, "Look inside by ", this.facets.choice), this.facets.element),
    );
    this.others.append(
      h(
        "button",
        {
          type: "button",
          class: "seg-link",
          onclick: () => {
            this.seed += 1;
            this.askPeople();
          },
        },
        "Ten others",
      ),
    );
    this.opener = h(
      "button",
      {
        type: "button",
        class: "seg-link seg-opener",
        "aria-expanded": "false",
        "aria-controls": this.details.id,
        onclick: () => {
          const isOpen = this.element.classList.toggle("seg-is-open");
          this.opener.setAttribute("aria-expanded", String(isOpen));
          this.opener.textContent = isOpen ? "Close details" : "Details";
        },
      },
      "Details",
    );
    this.element = h(
      "section",
      { class: "seg-panel", "aria-labelledby": title },
      h("h2", { id: title }, "Who matches"),
      h("div", { class: "seg-strip" }, this.count.element, this.opener),
      this.details,
    );
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  changed({ typing }) {
    window.clearTimeout(this.timer);
    if (this.editor.answer) this.count.stale();
    this.timer = window.setTimeout(() => this.ask(), typing ? TYPING : 0);
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  async ask() {
    const { editor } = this;
    const asked = ++this.asked;
    if (document.hidden) {
      this.isPending = true;
      return;
    }
    this.isPending = false;
    const waiting = editor.waiting;
    if (waiting.length) {
      if (editor.answer) this.count.stale();
      else this.count.wait(waiting);
      this.resolve?.();
      return;
    }
    const slow = window.setTimeout(() => this.count.say("Counting…"), SLOW);
    const slower = window.setTimeout(() => this.count.say("Still counting. You can go on editing."), 5 * SLOW);
    const places = new Map();
    const rule = write(editor.root, places);
    try {
      const answer = await this.server.post("count", { rule, segment: this.segment });
      if (asked !== this.asked) return;
      this.trouble("");
      editor.answered(places, { answer });
      this.draw(answer);
      this.announce(answer);
      this.askPeople();
      this.askFacets();
    } catch (error) {
      if (asked !== this.asked || error.name === "AbortError") return;
      this.failed(error, places);
    } finally {
      window.clearTimeout(slow);
      window.clearTimeout(slower);
      if (asked === this.asked) this.resolve?.();
    }
  }

  // Of another rule, which aborts no question about this one.
  async countOf(rule) {
    const { count } = await this.server.post("count", { rule, segment: this.segment }, " without");
    return count;
  }

  body(more = {}) {
    return { rule: this.editor.json, segment: this.segment, ...more };
  }

  async askPeople() {
    await this.fill(this.people, "people", { seed: this.seed }, (found) => this.drawPeople(found));
  }

  async askFacets() {
    const { property, element } = this.facets;
    if (property) await this.fill(element, "facets", { property }, (found) => this.facets.drawn(found));
  }

  async askWhy() {
    if (!this.editor.waiting.length) await this.fill(this.why, "why", { who: this.who.value }, explained);
  }

  // Each part fills its own space; where it cannot be had, it says why.
  async fill(part, what, more, draw) {
    try {
      part.replaceChildren(...draw(await this.server.post(what, this.body(more))));
    } catch (error) {
      if (error.name === "AbortError") return;
      const said = error.problems?.map((each) => each.message).join("; ") || error.message;
      part.replaceChildren(h("p", { class: "seg-quiet" }, said ? `${said[0].toUpperCase()}${said.slice(1)}` : ""));
    }
  }

  // --- drawing -----------------------------------------------------------------------------------------------------

  draw(answer) {
    this.details.hidden = false;
    this.count.draw(answer);
    this.drawSentence(answer.sentence);
    this.funnel.draw(answer);
  }

  drawSentence(sentence) {
    this.sentence.replaceChildren(h("p", {}, sentence));
    const isLong = this.sentence.scrollHeight > this.sentence.clientHeight;
    for (const [name, value] of [
      ["tabindex", "0"],
      ["role", "region"],
      ["aria-label", "The rule in words"],
    ]) {
      if (isLong) this.sentence.setAttribute(name, value);
      else this.sentence.removeAttribute(name);
    }
  }

  drawPeople(found) {
    const { count } = this.editor.answer;
    this.others.hidden = count <= found.people.length;
    return peopleTable(found, count, this.contacts);
  }

  failed(error, places) {
    if (error.problems?.length) {
      this.count.refuse(this.editor.answered(places, { problems: error.problems }));
      return;
    }
    const isOffline = error.name === "TypeError";
    const words = isOffline ? NOT_CONNECTED : error.message;
    if (isOffline || error.status === 401) this.trouble(isOffline ? NOT_CONNECTED : SIGNED_OUT);
    this.count.fail(words, () => this.ask());
    this.live.warn(words);
  }

  announce(answer) {
    window.clearTimeout(this.announcing);
    const words = `${people(answer.count)} match, ${share(answer.count, answer.people).replace("%", " percent")}.`;
    if (this.said !== null && words !== this.said)
      this.announcing = window.setTimeout(() => this.live.say(words), ANNOUNCED);
    this.said = words;
  }
}
