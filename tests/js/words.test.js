import assert from "node:assert/strict";
import { test } from "node:test";
import { blank, read } from "../../segments/static/segments/builder/tree.js";
import { heading, joiner, sort, Words } from "../../segments/static/segments/builder/words.js";
import { choices, words } from "./shop.js";

const condition = (name, operator, value) => ({ property: `customProperties.${name}`, operator, value });
const not = (rule) => ({ not: rule });

for (const [said, json] of Object.entries({
  "Plan is pro": condition("plan", "is", "pro"),
  "Plan is pro or team": condition("plan", "is", ["pro", "team"]),
  "Plan is not pro, team or free": not(condition("plan", "is", ["pro", "team", "free"])),
  "Plan contains pr or te": condition("plan", "contains", ["pr", "te"]),
  "Plan has no value": not(condition("plan", "is_known")),
  "Orders is more than 1,200": condition("orders", "greater_than", 1200),
  "Orders is between 1 and 9": condition("orders", "between", [1, 9]),
  "Last order is in the last 1 day": condition("last", "in_the_last", { amount: 1, unit: "days" }),
  "Last order is more than 90 days ago": condition("last", "more_than_ago", { amount: 90, unit: "days" }),
  "Last order is in the last 30 days": condition("last", "in_the_last", 30),
  "VIP is yes": condition("vip", "is", true),
  "VIP is not no": not(condition("vip", "is", false)),
  "Likes includes all of music and sport": condition("likes", "includes_all", ["music", "sport"]),
  "Likes includes music or sport": condition("likes", "includes", ["music", "sport"]),
  "is not in Payers": not({ segment: "s1" }),
  "is in gone": { segment: "gone" },
  "Plan is …": condition("plan", "is"),
  "any of these, 2 conditions": { any: [condition("plan", "is", "pro"), condition("vip", "is", true)] },
  "none of these, 1 condition": not({ any: [condition("plan", "is", "pro")] }),
  'Plan is {"odd":1}': condition("plan", "is", { odd: 1 }),
  "customProperties.gone is pro": condition("gone", "is", "pro"),
})) {
  test(`a rule is said as ${said}`, () => assert.equal(words.said(read(json)), said));
}

test("a condition of which nothing is chosen says so", () => assert.equal(words.said(blank()), "Not chosen yet"));

for (const [todo, json] of [
  ["Choose a segment", { segment: "" }],
  ["Choose an operator", { property: "customProperties.plan" }],
  ["Choose at least one value", condition("plan", "is")],
  ["Choose at least one value", condition("plan", "is", [])],
  ["", condition("plan", "is", "pro")],
  ["", condition("plan", "is_known")],
  ["Enter a value", condition("orders", "greater_than", "")],
  ["", condition("orders", "greater_than", 0)],
  ["Enter both ends", condition("orders", "between", [1, ""])],
  ["Enter both ends", condition("orders", "between", 1)],
  ["", condition("orders", "between", [0, 0])],
  ["Enter a number, like 30", condition("last", "in_the_last", { unit: "days" })],
  ["", condition("last", "in_the_last", { amount: 0, unit: "days" })],
  ["", condition("plan", "unheard_of", "x")],
]) {
  test(`${JSON.stringify(json)} is ${todo ? `unfinished: ${todo}` : "finished"}`, () => {
    assert.equal(words.unfinished(read(json)), todo);
  });
}

test("a condition without a property waits for one", () =>
  assert.equal(words.unfinished(blank()), "Choose a property"));

test("of yes and no the operator is the answer, and there is nothing more to enter", () => {
  const rows = words.rows(read(condition("vip", "is", true)));
  assert.deepEqual(
    rows.map((row) => row.words),
    ["is yes", "is no", "is not yes", "is not no", "has a value", "has no value"],
  );
  assert.equal(words.takes(read(condition("vip", "is", true))), "nothing");
  assert.equal(words.takes(read(condition("vip", "is", [true, false]))), "some");
});

test("an operator that is not offered is among the choices of a rule that has it", () => {
  const offered = (json) => words.rows(read(json)).map((row) => row.words);
  assert.ok(!offered(condition("plan", "is", "pro")).includes("comes after"));
  assert.ok(offered(condition("plan", "greater_than", "pro")).includes("comes after"));
  assert.equal(offered(condition("plan", "unheard_of", "x")).at(-1), "unheard_of");
  assert.equal(offered(not(condition("plan", "unheard_of", "x"))).at(-1), "not unheard_of");
});

test("every operator that the server offers has a key of its own among those of its type", () => {
  for (const rows of Object.values(words.operators)) {
    const keys = rows.map((row) => row.key);
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(!keys.includes("kept"));
  }
});

test("every operator can be said, plainly and denied, with a value as it takes one", () => {
  const values = { nothing: undefined, one: 1, some: [1, 2], two: [1, 2], period: { amount: 2, unit: "weeks" } };
  for (const [kind, rows] of Object.entries(choices.operators)) {
    const { reference } = choices.properties.find((each) => each.kind === kind) ?? {};
    if (!reference) continue; // nobody has one here
    for (const { operator, denied, takes } of rows) {
      const json = { property: reference, operator, value: values[takes] };
      const node = read(denied ? not(json) : json);
      assert.equal(words.unfinished(node), "", `${kind} ${operator}`);
      assert.doesNotMatch(words.said(node), /…|undefined|null/, `${kind} ${operator}`);
    }
  }
});

test("a workspace has as many people as the property that most are known of", () => {
  assert.equal(words.people, 20);
  assert.equal(new Words({ ...choices, properties: [] }).people, 0);
});

test("groups are named by what their parts have to be", () => {
  const told = (json) => {
    const node = read(json);
    return [sort(node), heading(node), joiner(node)];
  };
  assert.deepEqual(told({ all: [] }), ["all", "all of", "and"]);
  assert.deepEqual(told({ any: [] }), ["any", "any of", "or"]);
  assert.deepEqual(told(not({ any: [] })), ["none", "none of", "nor"]);
  assert.deepEqual(told(not({ all: [] })), ["not all", "not all of", "and"]);
  assert.deepEqual(told(not(not({ all: [] }))), ["not", "not", ""]);
});
