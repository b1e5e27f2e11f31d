import assert from "node:assert/strict";
import { test } from "node:test";
import { ofOperator, ofProperty, ofSegment, ofValue } from "../../segments/static/segments/builder/choosing.js";
import { blank, read, write } from "../../segments/static/segments/builder/tree.js";
import { named, words } from "./shop.js";

const condition = (name, operator, value) => read({ property: `customProperties.${name}`, operator, value });
const becomes = (held, change) => write({ ...held, ...change, joiner: undefined });
const choose = (held, label) => becomes(held, ofProperty(words, held, named(label)).change);
const operate = (held, said) => {
  const row = words.rows(held).find((each) => each.words === said);
  return becomes(held, ofOperator(words, held, row));
};

test("a property that is chosen first comes with the first operator of its type", () => {
  assert.deepEqual(choose(blank(), "Plan"), { property: "customProperties.plan", operator: "is" });
  assert.deepEqual(choose(blank(), "Last order"), { property: "customProperties.last", operator: "in_the_last" });
  assert.deepEqual(choose(blank(), "VIP"), { property: "customProperties.vip", operator: "is", value: true });
});

test("where an answer is chosen at once, the operator is next, and elsewhere the value", () => {
  assert.equal(ofProperty(words, blank(), named("VIP")).isDone, true);
  assert.equal(ofProperty(words, blank(), named("Plan")).isDone, false);
});

test("another property of the same type keeps operator and value", () => {
  const held = condition("plan", "contains", ["x"]);
  assert.deepEqual(choose(held, "Email"), { property: "email", operator: "contains", value: ["x"] });
  const denied = read({ not: { property: "customProperties.plan", operator: "is", value: "x" } });
  assert.deepEqual(choose(denied, "Email"), { not: { property: "email", operator: "is", value: "x" } });
});

test("another type keeps an operator that it has too, and no value", () => {
  const held = condition("orders", "between", [1, 9]);
  assert.deepEqual(choose(held, "Last order"), { property: "customProperties.last", operator: "between" });
  assert.deepEqual(choose(held, "Likes"), { property: "customProperties.likes", operator: "includes" });
});

test("a property in place of a segment starts anew", () => {
  assert.deepEqual(choose(read({ segment: "s1" }), "Plan"), { property: "customProperties.plan", operator: "is" });
  assert.deepEqual(choose(read({ not: { segment: "s1" } }), "Plan"), {
    property: "customProperties.plan",
    operator: "is",
  });
});

test("a value that is found by what was typed is a whole condition", () => {
  const denied = read({ not: { segment: "s1" } });
  assert.deepEqual(becomes(denied, ofValue(named("Plan"), "pro")), {
    property: "customProperties.plan",
    operator: "is",
    value: "pro",
  });
  assert.deepEqual(becomes(blank(), ofValue(named("Likes"), "music")), {
    property: "customProperties.likes",
    operator: "includes",
    value: "music",
  });
});

test("a segment in place of a condition is all that is left", () => {
  assert.deepEqual(becomes(condition("plan", "is", "pro"), ofSegment("s1")), { segment: "s1" });
});

test("another operator keeps the value as far as it takes such a one", () => {
  assert.deepEqual(operate(condition("plan", "is", ["a", "b"]), "contains").value, ["a", "b"]);
  assert.deepEqual(operate(condition("orders", "is", [5, 6]), "is more than").value, 5);
  assert.deepEqual(operate(condition("orders", "greater_than", 5), "is").value, 5);
  assert.deepEqual(operate(condition("orders", "greater_than", 5), "is at least").value, 5);
  assert.ok(!("value" in operate(condition("orders", "greater_than", 5), "is between")));
  assert.ok(!("value" in operate(condition("orders", "greater_than", 5), "has a value")));
  assert.ok(!("value" in operate(condition("last", "in_the_last", { amount: 3, unit: "days" }), "is before")));
});

test("no value comes back from an operator that has none", () => {
  assert.ok(!("value" in operate(condition("plan", "is_known"), "contains")));
  assert.ok(!("value" in operate(condition("vip", "is", true), "has a value")));
});

test("yes and no are chosen with the operator", () => {
  assert.equal(operate(condition("vip", "is", true), "is no").value, false);
  assert.equal(operate(condition("vip", "is_known"), "is not yes").not.value, true);
});

test("of a segment the operator says in or not in", () => {
  assert.deepEqual(operate(read({ segment: "s1" }), "is not in"), { not: { segment: "s1" } });
  assert.deepEqual(operate(read({ not: { segment: "s1" } }), "is in"), { segment: "s1" });
});
