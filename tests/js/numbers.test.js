import assert from "node:assert/strict";
import { test } from "node:test";
import { about, listed, number, people, share, signed, uid } from "../../segments/static/segments/builder/dom.js";

test("numbers are grouped, and none of a stored one is lost", () => {
  assert.equal(number(1234567.125), "1,234,567.125");
  assert.equal(number(0.0000001), "0.0000001");
  assert.equal(about(1234567), "1,234,567");
  assert.equal(about(12.3456789), "12.3457");
});

test("a difference has its sign", () => {
  assert.deepEqual([signed(1200), signed(0), signed(-1200)], ["+1,200", "+0", "−1,200"]);
});

test("people are counted in words", () => {
  assert.deepEqual([people(0), people(1), people(1200)], ["0 people", "1 person", "1,200 people"]);
});

test("a share of a few is not none, and nearly everybody is not everybody", () => {
  assert.equal(share(1, 1_000_000), "<0.1%");
  assert.equal(share(999_999, 1_000_000), ">99.9%");
  assert.equal(share(1_000_000, 1_000_000), "100%");
  assert.equal(share(0, 1_000_000), "0%");
  assert.equal(share(0, 0), "0%");
  assert.equal(share(1, 3), "33.3%");
});

test("words are listed as they are said", () => {
  assert.equal(listed([]), "");
  assert.equal(listed(["a"]), "a");
  assert.equal(listed(["a", "b"]), "a or b");
  assert.equal(listed(["a", "b", "c"], "and"), "a, b and c");
});

test("no two elements have the same id", () => assert.notEqual(uid("list"), uid("list")));
