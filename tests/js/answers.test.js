import assert from "node:assert/strict";
import { test } from "node:test";
import { byNode, placed } from "../../segments/static/segments/builder/answers.js";
import { open, write } from "../../segments/static/segments/builder/tree.js";

const rule = open({ all: [{ property: "a" }, { any: [{ property: "b" }, { not: { property: "c" } }] }] });
const places = new Map();
write(rule, places);
const [a, group] = rule.rules;
const [b, c] = group.rules;
const problems = (...paths) => paths.map((path) => ({ path, message: `wrong at ${path}` }));
const at = (path) => [...placed(problems(path), places, () => true).at.keys()];

test("a problem stands at the deepest part of the rule that it concerns", () => {
  assert.deepEqual(at("rule.all[0]"), [a.id]);
  assert.deepEqual(at("rule.all[0].value"), [a.id]);
  assert.deepEqual(at("rule.all[0].value[3]"), [a.id]);
  assert.deepEqual(at("rule.all[1].any[0].operator"), [b.id]);
  assert.deepEqual(at("rule.all[1].any[1].not.value"), [c.id]);
  assert.deepEqual(at("rule.all[1].any"), [group.id]);
  assert.deepEqual(at("rule"), [rule.id]);
});

test("a place is not taken for another whose name it begins", () => {
  assert.deepEqual(at("rule.all[10].value"), [rule.id]);
  assert.deepEqual(at("rules"), []);
});

test("what concerns no part, or one that is gone by now, stands elsewhere", () => {
  const told = placed(problems("name", "rule.all[0].value", "rule.all[1].any[0]"), places, (id) => id !== a.id);
  assert.deepEqual([...told.at.keys()], [b.id]);
  assert.deepEqual(told.elsewhere, ["Wrong at name.", "Wrong at rule.all[0].value."]);
});

test("a problem is a sentence", () => {
  const said = (message) => placed([{ path: "", message }], places, () => true).elsewhere[0];
  assert.equal(said("choose a value"), "Choose a value.");
  assert.equal(said("Choose a value."), "Choose a value.");
});

test("lines and proofs are found by the node that they are of", () => {
  const line = { at: "rule.all[1].any[1]", met: 3 };
  const proof = { at: "rule", words: "Nobody can match." };
  const { lines, proofs } = byNode({ lines: [line, { at: "rule.all[7]", met: 1 }], proofs: [proof] }, places);
  assert.deepEqual([...lines], [[c.id, line]]);
  assert.deepEqual([...proofs], [[rule.id, proof]]);
});
