import assert from "node:assert/strict";
import { test } from "node:test";
import { byUse } from "../../segments/static/segments/builder/facets.js";
import { about, matching, valuesOffered } from "../../segments/static/segments/builder/offers.js";
import { named, properties } from "./shop.js";

const labels = (found) => found.map((each) => each.label);

test("people's own properties are offered first, in each group what most people have", () => {
  assert.deepEqual(labels(matching(properties, "")), ["Orders", "Last order", "Plan", "VIP", "Likes", "Email", "Tags"]);
});

test("what begins with what was typed comes before what only holds it", () => {
  const found = [
    { label: "Last plan", reference: "b", group: "Custom", known: 9 },
    { label: "Plan", reference: "a", group: "Custom", known: 1 },
    { label: "Other", reference: "customProperties.plan2", group: "Custom", known: 20 },
    { label: "Name", reference: "c", group: "Basics", known: 20 },
  ];
  assert.deepEqual(labels(matching(found, "plan")), ["Plan", "Other", "Last plan"]);
});

test("no more than sixty are offered at once, and the list that is offered from stays as it was", () => {
  const many = Array.from({ length: 100 }, (_, place) => ({
    label: `P${place}`,
    reference: `p${place}`,
    group: "Custom",
    known: place,
  }));
  const before = structuredClone(many);
  const found = matching(many, "");
  assert.deepEqual([found.length, found[0].label], [60, "P99"]);
  assert.deepEqual(many, before);
});

test("a property says its type and how many have it, and never none where somebody does", () => {
  assert.equal(about({ kind: "text", people: 20, known: 10 }), "text, 50% have it");
  assert.equal(about({ kind: "text", people: 1000, known: 1 }), "text, <1% have it");
  assert.equal(about({ kind: "text", people: 1000, known: 0 }), "text, 0% have it");
  assert.equal(about({ kind: "text", people: 0, known: 0 }), "text, 0% have it");
  assert.equal(about({ kind: "text", people: null, known: null }), "text");
});

const found = {
  values: [
    { value: "pro", count: 1200 },
    { value: "team", count: 7 },
  ],
  distinct: 2,
};
const offered = (more) => {
  const options = valuesOffered(more.found ?? found, {
    property: named("Plan"),
    operator: "is",
    text: "",
    chosen: [],
    ...more,
  });
  return options.map(({ label, detail, unavailable }) => (unavailable ? `(${label})` : `${label} ${detail}`.trim()));
};

test("the values that people have are offered with how many have them", () => {
  assert.deepEqual(offered({}), ["pro 1,200", "team 7"]);
});

test("what is chosen already is not offered again, however it is written", () => {
  assert.deepEqual(offered({ chosen: ["PRO"] }), ["team 7"]);
  assert.deepEqual(offered({ chosen: ["gold"], text: "gold" }), ["pro 1,200", "team 7"]);
});

test("a value that may be chosen and that nobody has is offered with 0", () => {
  const property = { ...named("Plan"), options: ["pro", "trial", "gold"] };
  assert.deepEqual(offered({ property, chosen: ["gold"] }), ["pro 1,200", "team 7", "trial 0"]);
  assert.deepEqual(offered({ property, text: "TRI" }), [
    "pro 1,200",
    "team 7",
    "trial 0",
    'Use "TRI" nobody has this yet',
  ]);
});

test("where there are more than are shown, it is said how to find them", () => {
  const more = { ...found, distinct: 1002 };
  assert.deepEqual(offered({ found: more }).at(-1), "(and 1,000 more: type to find them)");
  assert.ok(offered({ found: more, text: "pro" }).includes("(and 1,000 more: type more to find them)"));
});

test("what is typed is offered as it stands, unless somebody has it or it would have to be a number", () => {
  assert.deepEqual(offered({ text: "gold" }).at(-1), 'Use "gold" nobody has this yet');
  assert.deepEqual(offered({ text: "go", operator: "contains" }).at(-1), 'Use "go"');
  assert.deepEqual(offered({ text: "PRO" }), ["pro 1,200", "team 7"]);
  assert.deepEqual(offered({ text: "7", property: named("Orders") }), ["pro 1,200", "team 7"]);
});

test("people are divided by their own properties of few values first, and never by what nobody has", () => {
  const hidden = { ...named("Plan"), label: "Hidden", kind: "opaque" };
  assert.deepEqual(labels(byUse([...properties, hidden])), ["Plan", "VIP", "Orders", "Email", "Tags", "Last order"]);
});
