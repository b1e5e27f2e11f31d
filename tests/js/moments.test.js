import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, included, MOMENT, resolved } from "../../segments/static/segments/builder/moments.js";
import { read } from "../../segments/static/segments/builder/tree.js";
import { choices } from "./shop.js";

const NOW = Date.UTC(2026, 2, 29, 12); // noon in UTC of the day on which Berlin changes to summer time
const on = (operator, value) => read({ property: "last", operator, value });
const told = (node, zone = "Europe/Berlin") => resolved(node, choices.units, zone, NOW);

test("a period says when it begins or ends, in the workspace's time", () => {
  assert.equal(told(on("in_the_last", { amount: 1, unit: "days" })), "since 28 Mar 2026, 13:00, moves with the clock");
  assert.equal(told(on("in_the_next", { amount: 2, unit: "weeks" })), "until 12 Apr 2026, 14:00, moves with the clock");
  assert.equal(told(on("more_than_ago", 90)), "before 29 Dec 2025, 13:00, moves with the clock");
  assert.equal(
    told(on("in_the_last", { amount: 1, unit: "hours" }), "UTC"),
    "since 29 Mar 2026, 11:00, moves with the clock",
  );
});

test("nothing is said of what is no period, not yet, or ends in no year that there is", () => {
  for (const value of [undefined, "", "soon", { amount: "soon", unit: "days" }, { amount: 1, unit: "moons" }, 1e300]) {
    assert.equal(told(on("in_the_last", value)), "", JSON.stringify(value));
  }
  assert.equal(told(on(null, 30)), "");
  assert.equal(told(on("greater_than", 30)), "");
});

test("a day says whether it is itself among those meant", () => {
  assert.equal(included(on("before", "2026-03-29")), "That day is not included.");
  assert.equal(included(on("after", "2026-03-29")), "That day is not included.");
  assert.equal(included(on("at_or_before", "2026-03-29")), "That day is included.");
  assert.equal(included(on("at_or_after", ["2026-03-29"])), "That day is included.");
});

test("nothing is said of moments, of denials, and of the day that is meant itself", () => {
  assert.equal(included(on("before", "2026-03-29T10:00")), "");
  assert.equal(included(on("on", "2026-03-29")), "");
  assert.equal(included(read({ not: { property: "last", operator: "before", value: "2026-03-29" } })), "");
  assert.equal(included(on("before", undefined)), "");
});

test("days and moments are told by their form", () => {
  assert.ok(DAY.test("2026-03-29") && !DAY.test("2026-03-29T10:00") && !DAY.test("29.3.2026"));
  assert.ok(MOMENT.test("2026-03-29T10:00") && !MOMENT.test("2026-03-29T10:00:01") && !MOMENT.test("2026-03-29"));
});
