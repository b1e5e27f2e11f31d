import assert from "node:assert/strict";
import { test } from "node:test";
import { narrowed } from "../../segments/static/segments/builder/funnel.js";
import { left } from "../../segments/static/segments/builder/notes.js";
import { read } from "../../segments/static/segments/builder/tree.js";

// What the server says of the three parts of a group to which 100 people come.
const reading = (json, met, reached = [100, 100, 100]) => {
  const group = read(json);
  const lines = new Map(
    group.rules.map((part, place) => [part, met[place] === null ? null : { met: met[place], reached: reached[place] }]),
  );
  return { group, lines };
};
const three = [{ property: "a" }, { property: "b" }, { property: "c" }];
const steps = (json, met) => {
  const { group, lines } = reading(json, met);
  return narrowed(group, 100, (part) => lines.get(part)).map(({ word, part, count, difference }) => [
    `${word}${part.property}`,
    count,
    difference,
  ]);
};
const lefts = (json, met) => {
  const { group, lines } = reading(json, met);
  const all = group.rules.map((part) => lines.get(part));
  return all.map((line, place) => left(group, line, all[place - 1] ?? null));
};

test("of all, each condition leaves fewer", () => {
  assert.deepEqual(steps({ all: three }, [60, 20, 20]), [
    ["a", 60, -40],
    ["and b", 20, -40],
    ["and c", 20, 0],
  ]);
  assert.deepEqual(lefts({ all: three }, [60, 20, 20]), ["60 left", "20 left", "20 left"]);
});

test("of any, each adds to nobody", () => {
  assert.deepEqual(steps({ any: three }, [60, 70, 90]), [
    ["a", 60, 60],
    ["or b", 70, 10],
    ["or c", 90, 20],
  ]);
  assert.deepEqual(lefts({ any: three }, [60, 70, 90]), ["adds 60", "adds 10", "adds 20"]);
});

test("of none, each takes those away who meet it", () => {
  assert.deepEqual(steps({ not: { any: three } }, [60, 70, 90]), [
    ["not a", 40, -60],
    ["nor b", 30, -10],
    ["nor c", 10, -20],
  ]);
  assert.deepEqual(lefts({ not: { any: three } }, [60, 70, 90]), ["40 left", "30 left", "10 left"]);
});

test("of not all, each brings those back who do not meet it", () => {
  assert.deepEqual(steps({ not: { all: three } }, [60, 20, 10]), [
    ["a", 40, -60],
    ["and b", 80, 40],
    ["and c", 90, 10],
  ]);
  assert.deepEqual(lefts({ not: { all: three } }, [60, 20, 10]), ["60 meet this", "20 meet these", "10 meet these"]);
});

test("a part of which nothing is known is left out, and the next is measured against the one before it", () => {
  assert.deepEqual(steps({ all: three }, [60, null, 10]), [
    ["a", 60, -40],
    ["and c", 10, -50],
  ]);
});
