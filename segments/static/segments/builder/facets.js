// Who matches, divided by the values of one property, each of which can become a condition.

import { bar } from "./bars.js";
import { h } from "./dom.js";
import { parts, read } from "./tree.js";

const TELLING = ["number", "date", "boolean", "list", "text"];

export class Facets {
  // `ask()` is called when another property is chosen.
  constructor(editor, ask) {
    this.editor = editor;
    this.choice = h("select", { "aria-label": "Look inside by", onchange: ask });
    this.element = h("div", { class: "seg-part seg-facets" });
    const offered = byUse(editor.words.choices.properties);
    this.choice.replaceChildren(...offered.map((each) => h("option", { value: each.reference }, each.label)));
  }

  get property() {
    return this.choice.value;
  }

  drawn({ bars, missing, other }) {
    const most = Math.max(1, missing, other, ...bars.map((each) => each.count));
    const rows = bars.map((each) => {
      const row = bar(each.label, each.count, most, "", () => this.offer(row, each.rule));
      row.querySelector("button").setAttribute("aria-expanded", "false");
      return row;
    });
    if (other) rows.push(bar("other", other, most, ""));
    if (missing) rows.push(bar("no value", missing, most, ""));
    return [h("ul", { class: "seg-bars" }, rows)];
  }

  // Beneath the bar that was clicked, and beneath no other.
  offer(row, rule) {
    const isOffered = row.querySelector(".seg-offer");
    for (const each of this.element.querySelectorAll(".seg-offer")) each.remove();
    for (const each of this.element.querySelectorAll("[aria-expanded]")) each.setAttribute("aria-expanded", "false");
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
}

// Those with a few values first, people's own before the others, then by what their bars tell.
export function byUse(properties) {
  const offered = properties.filter((each) => each.known && each.kind !== "opaque");
  return offered.sort(
    (one, other) =>
      fits(other) - fits(one) || TELLING.indexOf(other.kind) - TELLING.indexOf(one.kind) || other.known - one.known,
  );
}

const fits = ({ distinct, group }) => (distinct > 1 && distinct <= 200 ? (group === "Custom" ? 2 : 1) : 0);
