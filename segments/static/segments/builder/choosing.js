// What becomes of a condition where a property, a value, a segment or an operator is chosen: the parts that change.

import { values } from "./typed.js";

// What it had goes on as far as it fits. `isDone`: there is nothing to be entered.
export function ofProperty(words, held, property) {
  const rows = words.operators[property.kind];
  const fits =
    held.kind === "condition" &&
    rows.find((row) => row.offered && row.operator === held.operator && row.denied === held.denied);
  const row = fits || rows.find((each) => each.offered);
  const kept = fits && words.kind(held) === property.kind ? held.value : undefined;
  const change = {
    kind: "condition",
    segment: undefined,
    property: property.reference,
    operator: row.operator,
    denied: row.denied,
    value: "value" in row ? row.value : kept,
  };
  return { change, isDone: row.takes === "nothing" };
}

export function ofValue(property, value) {
  const operator = property.kind === "list" ? "includes" : "is";
  return { kind: "condition", segment: undefined, property: property.reference, operator, denied: false, value };
}

export function ofSegment(id) {
  return { kind: "segment", segment: id, denied: false, property: undefined, operator: undefined, value: undefined };
}

export function ofOperator(words, held, row) {
  if (held.kind === "segment") return { denied: row.denied };
  return { operator: row.operator, denied: row.denied, value: "value" in row ? row.value : kept(words, held, row) };
}

function kept(words, held, row) {
  const before = words.takes(held);
  if (before === "nothing") return undefined;
  if (before === "some" && row.takes === "one") return values(held.value)[0];
  const fits = before === row.takes || (before === "one" && row.takes === "some");
  return fits ? held.value : undefined;
}
