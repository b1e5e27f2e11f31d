// A workspace as the rule builder gets it: the operators are the server's own (a test of the server compares them).

import { readFileSync } from "node:fs";
import { Words } from "../../segments/static/segments/builder/words.js";

const operators = JSON.parse(readFileSync(new URL("operators.json", import.meta.url)));

const property = (reference, label, kind, more = {}) => ({
  reference,
  label,
  kind,
  group: "Custom",
  known: 10,
  people: 20,
  distinct: 3,
  lowest: null,
  highest: null,
  options: [],
  ...more,
});

export const properties = [
  property("email", "Email", "text", { group: "Basics", known: 20, distinct: 20 }),
  property("customProperties.plan", "Plan", "text"),
  property("customProperties.orders", "Orders", "number", { known: 15 }),
  property("customProperties.last", "Last order", "date", { known: 12, distinct: 300 }),
  property("customProperties.vip", "VIP", "boolean", { known: 5 }),
  property("customProperties.likes", "Likes", "list", { known: 0 }),
  property("tags", "Tags", "list", { group: "Tags", known: 2 }),
];

export const choices = {
  workspace: { id: 1, name: "Demo shop", zone: "Europe/Berlin" },
  properties,
  operators,
  segments: [
    { id: "s1", name: "Payers", circle: "" },
    { id: "s2", name: "VIP", circle: "It needs this segment" },
  ],
  units: { minutes: 60_000, hours: 3_600_000, days: 86_400_000, weeks: 604_800_000 },
  most: { conditions: 500, levels: 10 },
};

export const words = new Words(choices);

export const named = (label) => properties.find((each) => each.label === label);
