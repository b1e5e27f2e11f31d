// Beside the rule, after each change: the sentence, how many, what saving changes, how each condition narrows, ten
// people, facets, and why somebody is in or not.

import { h, hidden, number, people, share, signed, uid } from "./dom.js";
import { NOT_CONNECTED, SIGNED_OUT } from "./server.js";
import { conditions, parts, read, removed, write } from "./tree.js";
import { joiner, sort } from "./words.js";

const TYPING = 250; // milliseconds after the last key
const SLOW = 1000;
const ANNOUNCED = 1000;

export class Panel {
  // `trouble(words)` says above everything what keeps the page from its server, and with "" that nothing does.
  constructor({ editor, server, live, segment, contacts, importing, trouble }) {
    Object.assign(this, { editor, server, live, segment, contacts, importing, trouble });
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
    this.facet = h("select", { "aria-label": "Look inside by", onchange: () => this.askFacets() });
    this.drawFacetChoices();
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
      part("funnel"),
      part("people"),
      part("others"),
      asking,
      part("why"),
      h("div", { class: "seg-part" }, h("h3", {}, "Look inside by ", this.facet), part("facets")),
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
      h("div", { class: "seg-strip" }, part("count"), this.opener),
      this.details,
    );
  }

  drawFacetChoices() {
    const offered = this.editor.words.choices.properties
      .filter((each) => each.known && each.kind !== "opaque")
      .sort(
        (one, other) =>
          fits(other) - fits(one) || TELLING.indexOf(other.kind) - TELLING.indexOf(one.kind) || other.known - one.known,
      );
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
    this.note?.replaceChildren(
      first ? `Before your last change; waiting for condition ${first.place}.` : "Before your last change.",
    );
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
    const slower = window.setTimeout(
      () => this.note?.replaceChildren("Still counting. You can go on editing."),
      5 * SLOW,
    );
    const places = new Map();
    const rule = write(editor.root, places);
    try {
      const answer = await this.server.post("count", { rule, segment: this.segment });
      if (asked !== this.asked) return;
      this.trouble("");
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
    await this.fill(this.facets, "facets", { property: this.facet.value }, (found) => this.drawFacets(found));
  }

  async askWhy() {
    if (!this.editor.waiting.length)
      await this.fill(this.why, "why", { who: this.who.value }, (found) => this.drawWhy(found));
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
    if (first && !all) {
      this.count.replaceChildren(...this.noContacts());
      return;
    }
    this.count.replaceChildren(
      h(
        "p",
        { class: "seg-quiet" },
        first
          ? `${people(all)}: everyone in ${name}. Add a condition to narrow it.`
          : `Waiting for condition ${waiting[0].place}: ${waiting[0].todo.toLowerCase()}.`,
      ),
    );
  }

  noContacts() {
    const { id } = this.editor.words.choices.workspace;
    return [
      h("p", { class: "seg-warning" }, "This workspace has no contacts yet, so every rule counts 0."),
      h(
        "p",
        {},
        h("a", { class: "button seg-importing", href: `${this.importing}?workspace=${id}` }, "Import contacts"),
      ),
    ];
  }

  draw(answer) {
    const { count, people: all, change } = answer;
    const { name } = this.editor.words;
    this.details.hidden = false;
    this.count.classList.remove("seg-stale");
    this.note = h("p", { class: "seg-note" }, `Exact, counted at ${answer.at}`);
    const proof = this.editor.proofs.get(this.editor.root.id);
    const noticed = [];
    if (all === 0) noticed.push(...this.noContacts());
    else if (count === all) noticed.push(warning(`This is everyone in ${name}.`));
    if (proof) noticed.push(warning(...this.editor.rows.proof(this.editor.root, proof)));
    else if (all && count === 0) noticed.push(...this.emptied(answer));
    const few = count && count <= 10 ? ", all shown below" : "";
    const bar = h("span", { class: "seg-fill" });
    bar.style.width = `${all ? (100 * count) / all : 0}%`;
    this.count.replaceChildren(
      h(
        "p",
        { class: "seg-number-line" },
        h("strong", { class: "seg-big" }, number(count)),
        count === 1 ? " person" : " people",
      ),
      h("div", { class: "seg-bar", "aria-hidden": "true" }, bar),
      h("p", {}, `${share(count, all)} of ${number(all)}${few}`),
      this.note,
      ...noticed,
      change && (change.added || change.removed)
        ? h("p", { class: "seg-change" }, `Saving adds ${number(change.added)} and removes ${number(change.removed)}.`)
        : change
          ? h("p", { class: "seg-quiet" }, "Saving changes nobody.")
          : "",
    );
    this.sentence.replaceChildren(h("p", {}, answer.sentence));
    const isLong = this.sentence.scrollHeight > this.sentence.clientHeight;
    for (const [name, value] of [
      ["tabindex", "0"],
      ["role", "region"],
      ["aria-label", "The rule in words"],
    ]) {
      if (isLong) this.sentence.setAttribute(name, value);
      else this.sentence.removeAttribute(name);
    }
    this.drawFunnel(answer);
  }

  emptied(answer) {
    const { editor } = this;
    if (sort(editor.root) !== "all") return [];
    const line = (part) => editor.lines.get(part.id) ?? editor.lines.get(editor.root.id);
    const place = editor.root.rules.findIndex((part) => line(part)?.met === 0);
    if (place < 0) return [];
    const part = editor.root.rules[place];
    const before = place ? line(editor.root.rules[place - 1]).met : answer.people;
    const called = part.rules
      ? `the group "${editor.words.said(part)}"`
      : `condition ${conditions(editor.root).indexOf(part) + 1}`;
    const said = warning(`${called[0].toUpperCase()}${called.slice(1)} removes the last ${number(before)}.`);
    if (editor.root.rules.length > 1) {
      said.append(
        " ",
        h(
          "button",
          { type: "button", class: "seg-link", onclick: () => this.without(part, called, said) },
          `Count without ${called}`,
        ),
      );
    }
    return [said];
  }

  // Shows, and changes nothing.
  async without(part, called, said) {
    try {
      const rule = write(removed(this.editor.root, part.id));
      const { count } = await this.server.post("count", { rule, segment: this.segment }, " without");
      const words = `Without ${called}: ${people(count)}.`;
      said.append(" ", h("strong", {}, words));
      said.querySelector("button").remove();
      this.live.say(words);
    } catch (error) {
      if (error.name !== "AbortError") this.live.warn(error.message);
    }
  }

  drawFunnel(answer) {
    const { editor } = this;
    const { root } = editor;
    if (!editor.lines.size || root.kind !== "group" || !root.rules.length) {
      this.funnel.replaceChildren();
      return;
    }
    const kind = sort(root);
    const [before, lines] = this.funnelOf(root, answer, answer.people);
    const rows = [this.bar("Everyone", answer.people, answer.people, ""), ...lines];
    if (before !== answer.count && kind !== "not") {
      rows.push(this.bar("with those pinned in and out", answer.count, answer.people, signed(answer.count - before)));
    }
    const more = rows.splice(rows.length > MOST_LINES + 2 ? MOST_LINES : rows.length);
    this.funnel.replaceChildren(
      h("h3", {}, "How each condition narrows it"),
      h("ul", { class: "seg-bars" }, rows),
      more.length
        ? h(
            "details",
            { class: "seg-folded" },
            h("summary", {}, `${more.length} more lines`),
            h("ul", { class: "seg-bars" }, more),
          )
        : "",
    );
  }

  // The lines of a group, and how many are left behind the last; the lines of groups in it are folded away.
  funnelOf(group, answer, reached) {
    const { editor } = this;
    const kind = sort(group);
    let before = kind === "any" ? 0 : reached;
    const rows = [];
    for (const [place, part] of group.rules.entries()) {
      const line = editor.lines.get(part.id) ?? (group.rules.length === 1 ? editor.lines.get(group.id) : null);
      if (!line) continue;
      const now = kind === "none" || kind === "not all" ? line.reached - line.met : line.met;
      const word = place ? `${joiner(group)} ` : kind === "none" ? "not " : "";
      const row = this.bar(`${word}${editor.words.said(part)}`, now, answer.people, signed(now - before), () =>
        editor.rows.focus(part.id, "more"),
      );
      if (part.rules?.length) {
        const inside = h("details", { class: "seg-folded" }, h("summary", {}, `Inside ${editor.words.said(part)}`));
        inside.addEventListener(
          "toggle",
          () => inside.append(h("ul", { class: "seg-bars" }, this.funnelOf(part, answer, line.reached)[1])),
          { once: true },
        );
        row.append(inside);
      }
      rows.push(row);
      before = now;
    }
    return [before, rows];
  }

  bar(label, count, whole, difference, go = null) {
    const fill = h("span", { class: "seg-fill" });
    fill.style.width = `${whole ? (100 * count) / whole : 0}%`;
    const name = go ? h("button", { type: "button", class: "seg-link", onclick: go }, label) : h("span", {}, label);
    return h(
      "li",
      {},
      h("span", { class: "seg-bar-label", dir: "auto" }, name),
      h(
        "span",
        { class: "seg-bar-number" },
        number(count),
        difference ? h("span", { class: "seg-quiet" }, ` ${difference}`) : "",
      ),
      h("span", { class: "seg-bar", "aria-hidden": "true" }, fill),
    );
  }

  drawPeople({ columns, people: found }) {
    const { count } = this.editor.answer;
    this.others.hidden = count <= found.length;
    if (!found.length) return [];
    const title = count <= found.length ? people(count) : `${found.length} of them`;
    return [
      h("h3", {}, title),
      h(
        "div",
        { class: "seg-scroll", tabIndex: 0, role: "region", "aria-label": title },
        h(
          "table",
          {},
          h("caption", { class: "visually-hidden" }, title),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["Name", ...columns].map((each) => h("th", { scope: "col" }, each)),
            ),
          ),
          h(
            "tbody",
            {},
            found.map((each) =>
              h(
                "tr",
                {},
                h(
                  "th",
                  { scope: "row", dir: "auto" },
                  h(
                    "a",
                    {
                      href: `${this.contacts}${each.id}/change/`,
                      target: "_blank",
                      rel: "noopener",
                      title: "Opens a new tab",
                    },
                    each.name,
                    hidden(" (opens a new tab)"),
                  ),
                ),
                each.values.map((value) =>
                  h(
                    "td",
                    { dir: "auto" },
                    value || h("span", {}, h("span", { "aria-hidden": "true" }, "–"), hidden("no value")),
                  ),
                ),
              ),
            ),
          ),
        ),
      ),
    ];
  }

  drawFacets({ bars, missing, other }) {
    const most = Math.max(1, missing, other, ...bars.map((each) => each.count));
    const rows = bars.map((each) => {
      const row = this.bar(each.label, each.count, most, "", () => this.offer(row, each.rule));
      row.querySelector("button").setAttribute("aria-expanded", "false");
      return row;
    });
    if (other) rows.push(this.bar("other", other, most, ""));
    if (missing) rows.push(this.bar("no value", missing, most, ""));
    return [h("ul", { class: "seg-bars" }, rows)];
  }

  // Beneath the bar that was clicked, and beneath no other.
  offer(row, rule) {
    const isOffered = row.querySelector(".seg-offer");
    for (const each of this.facets.querySelectorAll(".seg-offer")) each.remove();
    for (const each of this.facets.querySelectorAll("[aria-expanded]")) each.setAttribute("aria-expanded", "false");
    if (isOffered) return;
    const said = parts(read(rule))
      .map((part) => this.editor.words.said(part))
      .join(" and ");
    row.append(
      h(
        "div",
        { class: "seg-offer" },
        h(
          "button",
          { type: "button", class: "seg-small", onclick: () => this.editor.addFinished(rule) },
          `Add "${said}" to the rule`,
        ),
      ),
    );
    row.querySelector("button").setAttribute("aria-expanded", "true");
  }

  drawWhy(found) {
    return [
      h("p", {}, h("strong", {}, found.name), ": ", found.why),
      found.rule ? h("ul", { class: "seg-tree" }, tree(found.rule)) : "",
    ];
  }

  failed(error, places) {
    if (error.problems?.length) {
      const elsewhere = this.editor.refused(error.problems, places);
      this.count.classList.add("seg-stale");
      const what = elsewhere.length ? elsewhere.join(" ") : "There is a problem in the rule, shown at its condition.";
      if (this.note) this.note.replaceChildren(`Before your last change. ${what}`);
      else {
        this.note = h("p", { class: "seg-warning" }, what);
        this.count.replaceChildren(this.note);
      }
      return;
    }
    const isOffline = error.name === "TypeError";
    const words = isOffline ? NOT_CONNECTED : error.message;
    if (isOffline || error.status === 401) this.trouble(isOffline ? NOT_CONNECTED : SIGNED_OUT);
    const from = this.editor.answer ? `Could not count just now. This is from ${this.editor.answer.at}. ` : "";
    this.count.classList.add("seg-stale");
    this.note ??= this.count.appendChild(h("p", { class: "seg-note" }));
    this.note.replaceChildren(
      from,
      words,
      " ",
      h("button", { type: "button", class: "seg-link", onclick: () => this.ask() }, "Try again"),
    );
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

const MOST_LINES = 12; // of the funnel that are shown at once
const TELLING = ["number", "date", "boolean", "list", "text"];
const warning = (...words) =>
  h(
    "p",
    { class: "seg-warning" },
    words.flatMap((word, place) => (place ? [" ", word] : [word])),
  );
const fits = (property) =>
  property.distinct > 1 && property.distinct <= 200 ? (property.group === "Custom" ? 2 : 1) : 0;

// Met and not met, also in words; under a denial "must not be met".
function tree(node, denied = false) {
  const mark = h(
    "span",
    { class: node.met ? "seg-met" : "seg-unmet" },
    h("span", { "aria-hidden": "true" }, node.met ? "✓" : "✗"),
    hidden(node.met ? " met" : " not met"),
  );
  const parts = node.all ?? node.any ?? (node.not ? [node.not] : []);
  const says = node.all ? "all of" : node.any ? "any of" : node.not ? "not" : node.words;
  const has =
    "stored" in node
      ? h(
          "span",
          { class: "seg-quiet" },
          ` (${
            node.stored === null
              ? "has none"
              : `has: ${[node.stored]
                  .flat()
                  .map((each) => (typeof each === "object" ? JSON.stringify(each) : each))
                  .join(", ")}`
          })`,
        )
      : "";
  return h(
    "li",
    {},
    mark,
    ` ${says}`,
    denied ? h("span", { class: "seg-quiet" }, " (must not be met)") : "",
    has,
    parts.length
      ? h(
          "ul",
          {},
          parts.map((part) => tree(part, Boolean(node.not))),
        )
      : "",
  );
}
