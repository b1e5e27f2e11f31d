// How each condition narrows the rule, or widens it, as bars.

import { bar } from "./bars.js";
import { h, signed } from "./dom.js";
import { joiner, sort } from "./words.js";

const MOST_LINES = 12; // that are shown at once

export class Funnel {
  constructor(editor) {
    this.editor = editor;
    this.element = h("div", { class: "seg-part seg-funnel" });
  }

  draw(answer) {
    const { root } = this.editor;
    if (!this.editor.lines.size || root.kind !== "group" || !root.rules.length) {
      this.element.replaceChildren();
      return;
    }
    const kind = sort(root);
    const [before, lines] = this.linesOf(root, answer, answer.people);
    const rows = [bar("Everyone", answer.people, answer.people, ""), ...lines];
    if (before !== answer.count && kind !== "not") {
      rows.push(bar("with those pinned in and out", answer.count, answer.people, signed(answer.count - before)));
    }
    const more = rows.splice(rows.length > MOST_LINES + 2 ? MOST_LINES : rows.length);
    this.element.replaceChildren(
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
  linesOf(group, answer, reached) {
    const { words, rows: drawn } = this.editor;
    const steps = narrowed(group, reached, (part) => this.lineOf(part, group));
    const rows = steps.map(({ part, word, count, difference }) => {
      const go = () => drawn.focus(part.id, "more");
      const row = bar(`${word}${words.said(part)}`, count, answer.people, signed(difference), go);
      if (part.rules?.length) row.append(this.folded(part, answer, this.lineOf(part, group).reached));
      return row;
    });
    return [steps.at(-1)?.count ?? started(group, reached), rows];
  }

  // Of a rule that is a single condition the server knows the whole.
  lineOf(part, group) {
    return this.editor.lines.get(part.id) ?? (group.rules.length === 1 ? this.editor.lines.get(group.id) : null);
  }

  folded(part, answer, reached) {
    const said = this.editor.words.said(part);
    const inside = h("details", { class: "seg-folded" }, h("summary", {}, `Inside ${said}`));
    const draw = () => inside.append(h("ul", { class: "seg-bars" }, this.linesOf(part, answer, reached)[1]));
    inside.addEventListener("toggle", draw, { once: true });
    return inside;
  }
}

const started = (group, reached) => (sort(group) === "any" ? 0 : reached);

// How many are left behind each part of a group of which there is a line: {reached, met}.
export function narrowed(group, reached, lineOf) {
  const kind = sort(group);
  const isTurned = kind === "none" || kind === "not all";
  let before = started(group, reached);
  const steps = [];
  for (const [place, part] of group.rules.entries()) {
    const line = lineOf(part);
    if (!line) continue;
    const count = isTurned ? line.reached - line.met : line.met;
    const word = place ? `${joiner(group)} ` : kind === "none" ? "not " : "";
    steps.push({ part, word, count, difference: count - before });
    before = count;
  }
  return steps;
}
