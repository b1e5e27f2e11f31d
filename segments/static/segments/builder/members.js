// Some of the people who are in, and why somebody is in or not.

import { h, hidden, people } from "./dom.js";

// `contacts`: the address of all of them.
export function peopleTable({ columns, people: found }, count, contacts) {
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
                    href: `${contacts}${each.id}/change/`,
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

export function explained(found) {
  return [
    h("p", {}, h("strong", {}, found.name), ": ", found.why),
    found.rule ? h("ul", { class: "seg-tree" }, tree(found.rule)) : "",
  ];
}

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
