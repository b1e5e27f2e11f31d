// What a new rule may begin with: conditions on the properties that most people have, or another segment's rule.

import { Combobox } from "./combobox.js";
import { h, uid } from "./dom.js";
import { conditions } from "./tree.js";

export class Starters {
  constructor(editor) {
    this.editor = editor;
    this.title = uid("starters");
    this.element = h("div", { class: "seg-starters", role: "group", "aria-labelledby": this.title, hidden: true });
  }

  // Only as long as nothing is chosen yet.
  show() {
    const { editor } = this;
    const [first, ...others] = [...editor.root.rules];
    const isNew = !editor.segment && first?.kind === "condition" && !first.property && !others.length;
    if (isNew === !this.element.hidden) return;
    this.element.hidden = !isNew;
    if (isNew) this.draw();
  }

  draw() {
    const { editor } = this;
    const [text, date] = [this.best("text"), this.best("date")];
    this.element.replaceChildren(
      h("span", { id: this.title }, "Start with"),
      ...(text ? [this.starter(`${text.label} is …`, () => this.isOneOf(text))] : []),
      ...(date ? [this.starter(`${date.label} in the last 30 days`, () => this.isLately(date))] : []),
      ...(editor.words.segments.size ? [this.starter("Copy another segment", () => this.choose())] : []),
    );
    this.element.hidden = this.element.childElementCount < 2;
  }

  // The one that most people have a value for, people's own properties first; of texts one with values to choose from.
  best(kind) {
    const fits = (each) =>
      each.kind === kind && each.known && (kind !== "text" || (each.distinct > 1 && each.distinct <= 1000));
    const isOwn = (each) => (each.group === "Custom" ? 1 : 0);
    const isPast = (each) => (kind === "date" && new Date(each.highest) <= Date.now() ? 1 : 0);
    return this.editor.words.choices.properties
      .filter(fits)
      .sort((one, other) => isOwn(other) - isOwn(one) || isPast(other) - isPast(one) || other.known - one.known)[0];
  }

  starter(words, onclick) {
    return h("button", { type: "button", class: "seg-small", onclick }, words);
  }

  // The only condition that there is yet.
  get blank() {
    return conditions(this.editor.root)[0];
  }

  isOneOf(text) {
    this.editor.chooseProperty(this.blank, text);
    document.activeElement.combobox?.open();
  }

  isLately(date) {
    const change = { property: date.reference, operator: "in_the_last", value: { amount: 30, unit: "days" } };
    this.editor.change(this.blank, change, { label: `choose ${date.label}`, focus: "value" });
  }

  choose() {
    const { editor } = this;
    const field = new Combobox({
      id: uid("copy"),
      label: "Segment to copy",
      placeholder: "Choose a segment",
      options: (text) => editor.offers.segmentsTold(text),
      choose: (option) => this.copy(option),
      typed: (text) => (text.trim() ? editor.tell(`There is no segment ${text}.`) : null),
    });
    this.element.replaceChildren(h("span", { id: this.title }, "Copy"), field.element);
    field.input.focus();
    field.open();
  }

  async copy({ value, label }) {
    const { editor } = this;
    try {
      const { rule } = await editor.server.get("copy", { segment: value });
      editor.replace(rule, `copy ${label}`);
      editor.live.say(`Copied the rule of ${label}.`);
    } catch (error) {
      editor.tell(error.problems?.map((each) => `${label}: ${each.message}.`).join(" ") || error.message);
    }
  }
}
