// A bar with its label and its number, as a line of a list.

import { h, number } from "./dom.js";

// `go`: what a click on the label does.
export function bar(label, count, whole, difference, go = null) {
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
