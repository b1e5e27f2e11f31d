// Beside the rule, after each change: the sentence, how many, what saving changes, how each condition narrows, ten
// people, facets, and why somebody is in or not.

import { h, number, people, share, signed, uid } from "./dom.js";
import { write } from "./tree.js";
import { sort } from "./words.js";

const TYPING = 250; // milliseconds after the last key
const SLOW = 1000;
const ANNOUNCED = 1000;

export class Panel {
  constructor({ editor, server, live, segment, contacts }) {
    Object.assign(this, { editor, server, live, segment, contacts });
    this.asked = 0;
    this.seed = 0;
    this.said = null;
    this.build();
    document.addEventListener("visibilitychange", () => !document.hidden && this.isPending && this.ask());
  }

  build() {
    const title = uid("panel");
    const part = (name) => (this[name] = h("div", { class: `seg-part seg-${name}` }));
    this.facet = h("select", { "aria-label": "Look inside by", onchange: () => this.askFacets() });
    this.drawFacetChoices();
    this.who = h("input", { type: "text", id: uid("who"), autocomplete: "off", placeholder: "E-mail, phone or external id" });
    const asking = h("div", { class: "seg-who" },
      h("label", { for: this.who.id }, "Is someone in?"), this.who,
      h("button", { type: "button", class: "seg-small", onclick: () => this.askWhy() }, "Look"));
    this.who.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.askWhy();
    });
    const details = this.details = h("div", { class: "seg-details", id: uid("details"), hidden: true },
      part("sentence"), part("funnel"), part("people"), part("others"), asking, part("why"),
      h("div", { class: "seg-part" }, h("h3", {}, "Look inside by ", this.facet), part("facets")));
    this.others.append(h("button", { type: "button", class: "seg-link", onclick: () => { this.seed += 1; this.askPeople(); } }, "Ten others"));
    this.opener = h("button", {
      type: "button", class: "seg-link seg-opener", "aria-expanded": "false", "aria-controls": details.id,
      onclick: () => {
        const isOpen = this.element.classList.toggle("seg-is-open");
        this.opener.setAttribute("aria-expanded", String(isOpen));
        this.opener.textContent = isOpen ? "Close details" : "Details";
      },
    }, "Details");
    this.element = h("section", { class: "seg-panel", "aria-labelledby": title },
      h("h2", { id: title }, "Who matches"),
      h("div", { class: "seg-strip" }, part("count"), this.opener), details);
  }

  drawFacetChoices() {
    const offered = this.editor.words.choices.properties.filter((each) => each.known && each.kind !== "opaque")
      .sort((one, other) => fits(other) - fits(one) || TELLING.indexOf(other.kind) - TELLING.indexOf(one.kind) || other.known - one.known);
    this.facet.replaceChildren(...offered.map((each) => h("option", { value: each.reference }, each.label)));
  }

  // --- asking ------------------------------------------------------------------------------------------------------

  changed({ typing }) {
    window.clearTimeout(this.timer);
    this.stale();
    this.editor.counted = new Promise((resolve) => (this.resolve = resolve));
    this.timer = window.setTimeout(() => this.ask(), typing ? TYPING : 0);
  }

  stale() {
    if (!this.editor.answer) return;
    this.count.classList.add("seg-stale");
    const [first] = this.editor.waiting;
    this.note?.replaceChildren(first ? `Before your last change; waiting for condition ${first.place}.` : "Before your last change.");
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
      if (!editor.answer) this.drawWaiting(waiting);
      else this.stale();
      this.resolve?.();
      return;
    }
    const slow = window.setTimeout(() => this.note?.replaceChildren("Counting…"), SLOW);
    const slower = window.setTimeout(() => this.note?.replaceChildren("Still counting. You can go on editing."), 5 * SLOW);
    const places = new Map();
    const rule = write(editor.root, places);
    try {
      const answer = await this.server.post("count", { rule, segment: this.segment });
      if (asked !== this.asked) return;
      editor.problems.clear();
      editor.known(answer, places);
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

  body(more = {}) {
    return { rule: this.editor.json, segment: this.segment, ...more };
  }

  async askPeople() {
    await this.fill(this.people, "people", { seed: this.seed }, (found) => this.drawPeople(found));
  }

  async askFacets() {
    if (!this.facet.value) return;
    const property = this.editor.words.properties.get(this.facet.value);
    await this.fill(this.facets, "facets", { property: property.reference }, (found) => this.drawFacets(found, property));
  }

  async askWhy() {
    if (!this.editor.waiting.length) await this.fill(this.why, "why", { who: this.who.value }, (found) => this.drawWhy(found));
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

  drawWaiting(waiting) {
    const { people: all, name } = this.editor.words;
    const first = waiting.length === 1 && !waiting[0].node.property && this.editor.conditionCount === 1;
    const everyone = all ? `${people(all)}: everyone in ${name}. Add a condition to narrow it.` : NO_CONTACTS;
    this.count.replaceChildren(h("p", { class: "seg-quiet" },
      first ? everyone : `Waiting for condition ${waiting[0].place}: ${waiting[0].todo.toLowerCase()}.`));
  }

  draw(answer) {
    const { count, people: all, change } = answer;
    const { name } = this.editor.words;
    this.details.hidden = false;
    this.count.classList.remove("seg-stale");
    this.note = h("p", { class: "seg-note" }, `Exact, counted at ${answer.at}`);
    const noticed = [];
    if (all === 0) noticed.push(NO_CONTACTS);
    else if (count === all) noticed.push(`This is everyone in ${name}.`);
    else if (count === 0) noticed.push(this.emptied(answer));
    const bar = h("span", { class: "seg-fill" });
    bar.style.width = `${all ? (100 * count) / all : 0}%`;
    this.count.replaceChildren(
      h("p", { class: "seg-number-line" }, h("strong", { class: "seg-big" }, number(count)), count === 1 ? " person" : " people"),
      h("div", { class: "seg-bar", "aria-hidden": "true" }, bar),
      h("p", {}, `${share(count, all)} of ${number(all)}`),
      this.note,
      ...noticed.filter(Boolean).map((text) => h("p", { class: "seg-warning" }, text)),
      change && (change.added || change.removed)
        ? h("p", { class: "seg-change" }, `Saving adds ${number(change.added)} and removes ${number(change.removed)}.`)
        : change ? h("p", { class: "seg-quiet" }, "Saving changes nobody.") : "",
    );
    this.sentence.replaceChildren(h("p", {}, answer.sentence));
    const isLong = this.sentence.scrollHeight > this.sentence.clientHeight;
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", "The rule in words"]]) {
      if (isLong) this.sentence.setAttribute(name, value);
      else this.sentence.removeAttribute(name);
    }
    this.drawFunnel(answer);
  }

  emptied(answer) {
    const { editor } = this;
    let before = answer.people;
    for (const [place, part] of editor.root.rules.entries()) {
      const line = editor.lines.get(part.id);
      if (sort(editor.root) === "all" && line?.met === 0 && before) return `Condition ${place + 1} removes the last ${number(before)}.`;
      before = line?.met;
    }
    return "";
  }

  drawFunnel(answer) {
    const { editor } = this;
    const { root } = editor;
    if (!editor.lines.size || root.kind !== "group" || !root.rules.length) {
      this.funnel.replaceChildren();
      return;
    }
    const kind = sort(root);
    const rows = [this.bar("Everyone", answer.people, answer.people, "")];
    let before = kind === "any" ? 0 : answer.people;
    for (const [place, part] of root.rules.entries()) {
      const line = editor.lines.get(part.id) ?? (root.rules.length === 1 ? editor.lines.get(root.id) : null);
      if (!line) continue;
      const now = kind === "none" || kind === "not all" ? line.reached - line.met : line.met;
      const word = place ? `${{ all: "and", any: "or", none: "nor", "not all": "and" }[kind] ?? ""} ` : kind === "none" ? "not " : "";
      rows.push(this.bar(`${word}${editor.words.said(part)}`, now, answer.people, signed(now - before), () => editor.rows.focus(part.id, "more")));
      before = now;
    }
    if (before !== answer.count && kind !== "not") {
      rows.push(this.bar("with those pinned in and out", answer.count, answer.people, signed(answer.count - before)));
    }
    this.funnel.replaceChildren(h("h3", {}, "How each condition narrows it"), h("ul", { class: "seg-bars" }, rows));
  }

  bar(label, count, whole, difference, go = null) {
    const fill = h("span", { class: "seg-fill" });
    fill.style.width = `${whole ? (100 * count) / whole : 0}%`;
    const name = go ? h("button", { type: "button", class: "seg-link", onclick: go }, label) : h("span", {}, label);
    return h("li", {},
      h("span", { class: "seg-bar-label", dir: "auto" }, name),
      h("span", { class: "seg-bar-number" }, number(count), difference ? h("span", { class: "seg-quiet" }, ` ${difference}`) : ""),
      h("span", { class: "seg-bar", "aria-hidden": "true" }, fill));
  }

  drawPeople({ columns, people: found }) {
    const { count } = this.editor.answer;
    this.others.hidden = count <= found.length;
    if (!found.length) return [];
    const title = count <= found.length ? `${people(count)}, all shown` : `${found.length} of them`;
    return [h("h3", {}, title), h("div", { class: "seg-scroll", tabIndex: 0, role: "region", "aria-label": title }, h("table", {},
      h("caption", { class: "seg-hidden" }, title),
      h("thead", {}, h("tr", {}, ["Name", ...columns].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, found.map((each) => h("tr", {},
        h("th", { scope: "row", dir: "auto" }, h("a", { href: `${this.contacts}${each.id}/change/`, target: "_blank", rel: "noopener", title: "Opens a new tab" }, each.name)),
        each.values.map((value) => h("td", { dir: "auto" }, value || h("span", {}, h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "seg-hidden" }, "no value")))))))))];
  }

  drawFacets(found, property) {
    const { bars, missing, other } = found;
    const most = Math.max(1, missing, other, ...bars.map((each) => each.count));
    const rows = bars.map((each) => {
      const add = "value" in each ? () => this.editor.addFinished(property, each.value) : null;
      const row = this.bar(each.label, each.count, most, "", add);
      if (add) row.querySelector("button").setAttribute("aria-label", `Add ${property.label} is ${each.label} to the rule`);
      if (add) row.querySelector("button").title = `Add "${property.label} is ${each.label}" to the rule`;
      return row;
    });
    if (other) rows.push(this.bar("other", other, most, ""));
    if (missing) rows.push(this.bar("no value", missing, most, ""));
    return [h("ul", { class: "seg-bars" }, rows)];
  }

  drawWhy(found) {
    return [h("p", {}, h("strong", {}, found.name), ": ", found.why), found.rule ? h("ul", { class: "seg-tree" }, tree(found.rule)) : ""];
  }

  failed(error, places) {
    if (error.problems?.length) {
      const elsewhere = this.editor.refused(error.problems, places);
      this.count.classList.add("seg-stale");
      const what = elsewhere.length ? elsewhere.join(" ") : "There is a problem in the rule, shown at its condition.";
      if (this.note) this.note.replaceChildren(`Before your last change. ${what}`);
      else this.count.replaceChildren(this.note = h("p", { class: "seg-warning" }, what));
      return;
    }
    const isOffline = error.name === "TypeError";
    const words = isOffline ? "Not connected. Your changes are kept on this page." : error.message;
    const from = this.editor.answer ? `Could not count just now. This is from ${this.editor.answer.at}. ` : "";
    this.count.classList.add("seg-stale");
    this.note ??= this.count.appendChild(h("p", { class: "seg-note" }));
    this.note.replaceChildren(from, words, " ", h("button", { type: "button", class: "seg-link", onclick: () => this.ask() }, "Try again"));
    this.live.warn(words);
  }

  announce(answer) {
    window.clearTimeout(this.announcing);
    const words = `${people(answer.count)} match, ${share(answer.count, answer.people).replace("%", " percent")}.`;
    if (this.said !== null && words !== this.said) this.announcing = window.setTimeout(() => this.live.say(words), ANNOUNCED);
    this.said = words;
  }
}

const TELLING = ["number", "date", "boolean", "list", "text"];
const NO_CONTACTS = "This workspace has no contacts yet, so every rule counts 0.";
const fits = (property) => (property.distinct > 1 && property.distinct <= 200 ? (property.group === "Custom" ? 2 : 1) : 0);

// Met and not met, also in words; under a denial "must not be met".
function tree(node, denied = false) {
  const mark = h("span", { class: node.met ? "seg-met" : "seg-unmet" }, h("span", { "aria-hidden": "true" }, node.met ? "✓" : "✗"),
    h("span", { class: "seg-hidden" }, node.met ? " met" : " not met"));
  const parts = node.all ?? node.any ?? (node.not ? [node.not] : []);
  const says = node.all ? "all of" : node.any ? "any of" : node.not ? "not" : node.words;
  const has = "stored" in node ? h("span", { class: "seg-quiet" }, ` (${node.stored === null ? "has none" : `has: ${[node.stored].flat().map((each) => (typeof each === "object" ? JSON.stringify(each) : each)).join(", ")}`})`) : "";
  return h("li", {}, mark, ` ${says}`, denied ? h("span", { class: "seg-quiet" }, " (must not be met)") : "", has,
    parts.length ? h("ul", {}, parts.map((part) => tree(part, Boolean(node.not)))) : "");
}
