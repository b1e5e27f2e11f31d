// Days and periods in the value of a condition, and what they mean now.

import { period, values } from "./typed.js";

export const DAY = /^\d{4}-\d\d-\d\d$/;
export const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

// Whether a day that is named is itself among those meant.
export function included(node) {
  if (node.denied || !DAY.test(values(node.value)[0])) return "";
  if (["before", "after"].includes(node.operator)) return "That day is not included.";
  return ["at_or_before", "at_or_after"].includes(node.operator) ? "That day is included." : "";
}

// When a period begins or ends, as it stands now.
export function resolved(node, units, zone, now = Date.now()) {
  const length = node.operator && period(node.value);
  const amount = length && Number(length.amount);
  if (!length || !Number.isFinite(amount) || !(length.unit in units)) return "";
  const forward = node.operator === "in_the_next";
  const moment = new Date(now + (forward ? 1 : -1) * amount * units[length.unit]);
  if (Number.isNaN(moment.getTime())) return "";
  const parts = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: zone };
  const shown = new Intl.DateTimeFormat("en-GB", parts).format(moment);
  const word = { in_the_last: "since", in_the_next: "until", more_than_ago: "before" }[node.operator];
  return word ? `${word} ${shown}, moves with the clock` : "";
}
