// What is chosen from and how a condition is said: properties, operators, values, and whether a condition is finished.

import { listed, number } from "./dom.js";
import { given, period, values } from "./typed.js";

const YES_NO = [
  [true, "yes"],
  [false, "no"],
];

export class Words {
  constructor(choices) {
    this.choices = choices;
    this.properties = new Map(choices.properties.map((each) => [each.reference, each]));
    this.name = choices.workspace.name;
    this.people = Math.max(0, ...choices.properties.map((each) => each.people));
    this.segments = new Map(choices.segments.map((each) => [each.id, each.name]));
    this.operators = Object.fromEntries(
      Object.entries(choices.operators).map(([kind, rows]) => [kind, offered(kind, rows)]),
    );
  }

  kind(node) {
    return this.properties.get(node.property)?.kind ?? null;
  }

  label(node) {
    if (node.kind === "segment") return "Segment";
    return this.properties.get(node.property)?.label ?? node.property ?? "";
  }

  // The rows to choose from for a condition; what it has now is among them even where it would not be offered.
  rows(node) {
    if (node.kind === "segment") return SEGMENT_ROWS;
    const kind = this.kind(node);
    const known = kind ? this.operators[kind] : [];
    const mine = this.row(node);
    const rows = known.filter((row) => row.offered || row === mine);
    if (!mine && node.operator)
      return [...rows, { key: "kept", words: `${node.denied ? "not " : ""}${node.operator}`, takes: "kept" }];
    return rows;
  }

  row(node) {
    if (node.kind === "segment") return SEGMENT_ROWS[node.denied ? 1 : 0];
    const known = this.operators[this.kind(node)] ?? [];
    return known.find(
      (row) =>
        row.operator === node.operator && row.denied === node.denied && (!("value" in row) || row.value === node.value),
    );
  }

  takes(node) {
    if (node.kind === "segment") return "segment";
    return this.row(node)?.takes ?? (node.operator ? "kept" : "nothing");
  }

  // What is still to be done, in words, or "" where a condition is finished.
  unfinished(node) {
    if (node.kind === "segment") return node.segment ? "" : "Choose a segment";
    if (!node.property) return "Choose a property";
    if (!node.operator) return "Choose an operator";
    const takes = this.takes(node);
    if (takes === "nothing" || takes === "kept") return "";
    if (takes === "some") return values(node.value).length ? "" : "Choose at least one value";
    if (takes === "two") {
      const both = values(node.value);
      return both.length === 2 && both.every(given) ? "" : "Enter both ends";
    }
    if (takes === "period") return period(node.value) ? "" : "Enter a number, like 30";
    return given(node.value) ? "" : "Enter a value";
  }

  said(node) {
    if (node.kind === "group")
      return `${heading(node)} these, ${node.rules.length === 1 ? "1 condition" : `${node.rules.length} conditions`}`;
    const words = this.row(node)?.words ?? `${node.denied ? "not " : ""}${node.operator ?? ""}`;
    if (node.kind === "segment") return `${words} ${this.segments.get(node.segment) ?? node.segment ?? "…"}`;
    if (!node.property) return "Not chosen yet";
    const value = this.value(node);
    const plain = words.replace(/ (any|none) of$/, (_, word) => (word === "any" ? "" : " not"));
    if (plain !== words) return `${this.label(node)} ${plain} ${value}`;
    const said = words.includes("…") ? words.replace("…", value) : `${words} ${value}`;
    return `${this.label(node)} ${said}`.trim();
  }

  value(node) {
    const takes = this.takes(node);
    if (takes === "nothing") return "";
    if (takes === "period") {
      const length = period(node.value);
      if (!length) return "…";
      return `${length.amount} ${Number(length.amount) === 1 ? length.unit.replace(/s$/, "") : length.unit}`;
    }
    const shown = values(node.value).map((each) =>
      typeof each === "object" ? JSON.stringify(each) : typeof each === "number" ? number(each) : String(each),
    );
    return shown.length ? listed(shown, takes === "two" || node.operator === "includes_all" ? "and" : "or") : "…";
  }
}

const SEGMENT_ROWS = [
  { key: "in", words: "is in", denied: false, takes: "segment" },
  { key: "out", words: "is not in", denied: true, takes: "segment" },
];

function offered(kind, rows) {
  return rows.flatMap((row) => {
    const key = `${row.denied ? "not " : ""}${row.operator}`;
    if (kind !== "boolean" || row.operator !== "is") return [{ ...row, key }];
    // The operator is the answer.
    const answers = YES_NO.map(([value, word]) => ({
      ...row,
      key: `${key} ${word}`,
      words: `${row.words} ${word}`,
      value,
      takes: "nothing",
    }));
    return [...answers, { ...row, key, words: `${row.words} any of`, offered: false }];
  });
}

export const HEADINGS = { all: "all of", any: "any of", none: "none of", "not all": "not all of" };

export function sort(group) {
  if (group.joiner === "not") return "not";
  if (group.denied) return group.joiner === "any" ? "none" : "not all";
  return group.joiner;
}

export const heading = (group) => (group.joiner === "not" ? "not" : HEADINGS[sort(group)]);
export const joiner = (group) => ({ all: "and", any: "or", none: "nor", "not all": "and", not: "" })[sort(group)];
