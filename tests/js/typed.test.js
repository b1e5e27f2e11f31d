import assert from "node:assert/strict";
import { test } from "node:test";
import {
  others,
  period,
  readLines,
  readNumber,
  splitAtCommas,
  values,
} from "../../segments/static/segments/builder/typed.js";

for (const [text, read] of Object.entries({
  " 12 ": 12,
  "-3.5": -3.5,
  "+4": 4,
  ".5": 0.5,
  "5.": 5,
  "1e3": 1000,
  "1E-2": 0.01,
  "1,200": 1200,
  "1,234,567.8": 1234567.8,
  0: 0,
})) {
  test(`${text} is read as the number ${read}`, () => assert.equal(readNumber(text), read));
}

for (const text of [
  "",
  " ",
  "ten",
  "1,2",
  "12,34",
  "1,2345",
  "1 200",
  "0x10",
  "1e999",
  "Infinity",
  "NaN",
  "--1",
  "1.2.3",
]) {
  test(`"${text}" is no number`, () => assert.equal(readNumber(text), null));
}

test("lines pasted from a table are as many values, without blanks around them and without blank lines", () => {
  assert.deepEqual(readLines(" pro \r\nteam\n\n  \nfree", "text"), ["pro", "team", "free"]);
  assert.deepEqual(readLines("1,200\n7", "number"), [1200, 7]);
  assert.deepEqual(readLines("1\nmany", "number"), [1, null]);
  assert.deepEqual(readLines("  \n ", "text"), []);
});

test("a line keeps its commas", () => assert.deepEqual(readLines("Smith, Jane", "text"), ["Smith, Jane"]));

test("of what was typed those are new that are not chosen yet, each once", () => {
  assert.deepEqual(others(["pro", "team", "team"], ["pro"]), ["team"]);
  assert.deepEqual(others([5, 6], ["5"]), [6]);
  assert.deepEqual(others([], ["pro"]), []);
});

test("values are split at their commas where that is meant, and no value is there twice", () => {
  assert.deepEqual(splitAtCommas(["a, b,,c", "d,e"], ["a, b,,c"]), ["a", "b", "c", "d,e"]);
  assert.deepEqual(splitAtCommas(["b", "a,b"], ["a,b"]), ["b", "a"]);
  assert.deepEqual(splitAtCommas("a,b", ["a,b"]), ["a", "b"]);
  assert.deepEqual(splitAtCommas(undefined, []), []);
});

test("one value and several are both values, and none is none", () => {
  assert.deepEqual([values("a"), values(["a", "b"]), values(0), values(false)], [["a"], ["a", "b"], [0], [false]]);
  assert.deepEqual([values(""), values(null), values(undefined)], [[], [], []]);
});

test("a period without a unit is of days", () => {
  assert.deepEqual(period(30), { amount: 30, unit: "days" });
  assert.deepEqual(period("30"), { amount: "30", unit: "days" });
  assert.deepEqual(period({ amount: 0, unit: "weeks" }), { amount: 0, unit: "weeks" });
  assert.deepEqual(period({ amount: 2 }), { amount: 2, unit: "days" });
  for (const none of [undefined, null, "", " ", {}, { amount: "" }]) assert.equal(period(none), null);
});
