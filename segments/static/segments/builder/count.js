// How many match: the number, what it is of, and what is to be said beside it.

import { h, number, people, share } from "./dom.js";
import { conditions, removed, write } from "./tree.js";
import { sort } from "./words.js";

export class Count {
  // `without(rule)` promises how many would match another rule; `importing`: where contacts are imported.
  constructor({ editor, live, importing, without }) {
    Object.assign(this, { editor, live, importing, without });
    this.element = h("div", { class: "seg-part seg-count" });
    this.note = null;
  }

  // --- before there is a number, and after it has gone old

  wait(waiting) {
    const { people: all, name } = this.editor.words;
    const first = waiting.length === 1 && !waiting[0].node.property && this.editor.conditionCount === 1;
    if (first && !all) {
      this.element.replaceChildren(...this.noContacts());
      return;
    }
    this.element.replaceChildren(
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

  stale() {
    const [first] = this.editor.waiting;
    this.old(first ? `Before your last change; waiting for condition ${first.place}.` : "Before your last change.");
  }

  old(...words) {
    this.element.classList.add("seg-stale");
    this.say(...words);
  }

  // Beneath the number, as long as there is one.
  say(...words) {
    this.note?.replaceChildren(...words);
  }

  // What is wrong with the rule that concerns none of its conditions.
  refuse(elsewhere) {
    const what = elsewhere.length ? elsewhere.join(" ") : "There is a problem in the rule, shown at its condition.";
    this.old(`Before your last change. ${what}`);
    if (this.note) return;
    this.note = h("p", { class: "seg-warning" }, what);
    this.element.replaceChildren(this.note);
  }

  fail(words, again) {
    const { answer } = this.editor;
    const from = answer ? `Could not count just now. This is from ${answer.at}. ` : "";
    this.note ??= this.element.appendChild(h("p", { class: "seg-note" }));
    this.old(from, words, " ", h("button", { type: "button", class: "seg-link", onclick: again }, "Try again"));
  }

  // --- the number

  draw(answer) {
    const { count, people: all, change } = answer;
    this.element.classList.remove("seg-stale");
    this.note = h("p", { class: "seg-note" }, `Exact, counted at ${answer.at}`);
    const few = count && count <= 10 ? ", all shown below" : "";
    const bar = h("span", { class: "seg-fill" });
    bar.style.width = `${all ? (100 * count) / all : 0}%`;
    this.element.replaceChildren(
      h(
        "p",
        { class: "seg-number-line" },
        h("strong", { class: "seg-big" }, number(count)),
        count === 1 ? " person" : " people",
      ),
      h("div", { class: "seg-bar", "aria-hidden": "true" }, bar),
      h("p", {}, `${share(count, all)} of ${number(all)}${few}`),
      this.note,
      ...this.noticed(answer),
      change && (change.added || change.removed)
        ? h("p", { class: "seg-change" }, `Saving adds ${number(change.added)} and removes ${number(change.removed)}.`)
        : change
          ? h("p", { class: "seg-quiet" }, "Saving changes nobody.")
          : "",
    );
  }

  noticed(answer) {
    const { root, proofs, rows, words } = this.editor;
    const { count, people: all } = answer;
    const noticed = [];
    if (all === 0) noticed.push(...this.noContacts());
    else if (count === all) noticed.push(warning(`This is everyone in ${words.name}.`));
    const proof = proofs.get(root.id);
    if (proof) noticed.push(warning(...rows.notes.proof(root, proof)));
    else if (all && count === 0) noticed.push(...this.emptied(answer));
    return noticed;
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
          { type: "button", class: "seg-link", onclick: () => this.countWithout(part, called, said) },
          `Count without ${called}`,
        ),
      );
    }
    return [said];
  }

  // Shows, and changes nothing.
  async countWithout(part, called, said) {
    try {
      const count = await this.without(write(removed(this.editor.root, part.id)));
      const words = `Without ${called}: ${people(count)}.`;
      said.append(" ", h("strong", {}, words));
      said.querySelector("button").remove();
      this.live.say(words);
    } catch (error) {
      if (error.name !== "AbortError") this.live.warn(error.message);
    }
  }
}

const warning = (...words) =>
  h(
    "p",
    { class: "seg-warning" },
    words.flatMap((word, place) => (place ? [" ", word] : [word])),
  );
