import assert from "node:assert/strict";
import { test } from "node:test";
import * as tree from "../../segments/static/segments/builder/tree.js";

const PRO = { property: "plan", operator: "is", value: "pro" };
const OLD = { property: "last", operator: "more_than_ago", value: { amount: 90, unit: "days" } };
const VIP = { property: "vip", operator: "is", value: true };
const IN = { segment: "s1" };

// A rule as the rows of it: words of joiners around the values.
const drawn = (node) => {
  const body = node.rules
    ? `${node.joiner}(${node.rules.map(drawn).join(" ")})`
    : (node.property ?? node.segment ?? "blank");
  return node.denied ? `!${body}` : body;
};
const opened = (json) => tree.open(json);
const [first, second] = [(root) => root.rules[0].id, (root) => root.rules[1].id];

for (const [words, json] of Object.entries({
  "no rule at all": null,
  "one condition": PRO,
  "a condition denied": { not: PRO },
  "a denial denied": { not: { not: PRO } },
  "a denial denied thrice": { not: { not: { not: PRO } } },
  "an empty group": { all: [] },
  "a denied empty group": { not: { any: [] } },
  "a group of one": { all: [PRO] },
  "groups in groups": { any: [{ all: [PRO, { not: OLD }] }, { not: { any: [VIP, IN] } }, { not: IN }] },
  "a condition without a value": { property: "plan", operator: "is_known" },
})) {
  test(`what is read is written back: ${words}`, () => {
    assert.deepEqual(tree.write(opened(json)), json);
  });
}

test("each node is written down with the path at which the server speaks of it", () => {
  const root = opened({ all: [PRO, { not: { any: [OLD, VIP] } }] });
  const places = new Map();
  tree.write(root, places);
  const group = root.rules[1];
  assert.deepEqual(
    [root, root.rules[0], group, ...group.rules].map(({ id }) => places.get(id)),
    ["rule", "rule.all[0]", "rule.all[1]", "rule.all[1].not.any[0]", "rule.all[1].not.any[1]"],
  );
});

test("a rule that is a single condition has that condition's path", () => {
  const root = opened({ not: PRO });
  const places = new Map();
  tree.write(root, places);
  assert.deepEqual([...places.values()], ["rule", "rule"]);
});

test("a second condition makes a group of a rule that was one condition", () => {
  const root = tree.added(opened(PRO), opened(PRO).id, tree.read(VIP));
  assert.equal(drawn(root), "all(plan)", "another rule's group is not in this one");
  const held = opened(PRO);
  assert.deepEqual(tree.write(tree.added(held, held.id, tree.read(VIP))), { all: [PRO, VIP] });
});

test("a rule is never changed in place", () => {
  const root = opened({ all: [PRO, { any: [OLD, VIP] }] });
  const before = structuredClone(root);
  const inner = root.rules[1].rules[0].id;
  tree.changed(root, inner, { value: 1 });
  tree.removed(root, inner);
  tree.duplicated(root, inner);
  tree.moved(root, inner, 1);
  tree.grouped(root, inner, "all");
  tree.takenOut(root, inner);
  tree.movedTo(root, inner, first(root), false);
  assert.deepEqual(root, before);
});

test("what is not touched stays the same object, so that its row is not drawn anew", () => {
  const root = opened({ all: [PRO, { any: [OLD, VIP] }] });
  const changed = tree.changed(root, root.rules[1].rules[0].id, { denied: true });
  assert.equal(drawn(changed), "all(plan any(!last vip))");
  assert.equal(changed.rules[0], root.rules[0]);
  assert.equal(changed.rules[1].rules[1], root.rules[1].rules[1]);
  assert.equal(tree.changed(root, "nobody", { denied: true }), root);
});

test("the last of a group takes the group along, and the last of all leaves a blank one", () => {
  const root = opened({ all: [PRO, { any: [{ all: [VIP] }] }] });
  const vip = root.rules[1].rules[0].rules[0];
  const without = tree.removed(root, vip.id);
  assert.equal(drawn(without), "all(plan)");
  assert.equal(drawn(tree.removed(without, first(without))), "all(blank)");
  assert.equal(drawn(tree.removed(root, root.id)), "all(blank)");
});

test("a duplicate stands behind, and its own parts have names of their own", () => {
  const root = opened({ all: [{ any: [OLD, VIP] }, PRO] });
  const { root: doubled, copy } = tree.duplicated(root, first(root));
  assert.equal(drawn(doubled), "all(any(last vip) any(last vip) plan)");
  assert.equal(doubled.rules[1], copy);
  const ids = [...tree.nodes(doubled)].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test("a condition moves up and down inside of its group and no further", () => {
  const root = opened({ all: [PRO, OLD, VIP] });
  assert.equal(drawn(tree.moved(root, second(root), -1)), "all(last plan vip)");
  assert.equal(drawn(tree.moved(root, second(root), 1)), "all(plan vip last)");
  assert.equal(tree.moved(root, first(root), -1), root);
  assert.equal(tree.moved(root, root.rules[2].id, 1), root);
  assert.equal(tree.moved(root, root.id, 1), root);
});

test("a condition is dragged in front of another or behind it, also in another group", () => {
  const root = opened({ all: [PRO, { any: [OLD, VIP] }] });
  const vip = root.rules[1].rules[1].id;
  assert.equal(drawn(tree.movedTo(root, first(root), vip, false)), "all(any(last plan vip))");
  assert.equal(drawn(tree.movedTo(root, first(root), vip, true)), "all(any(last vip plan))");
  assert.equal(drawn(tree.movedTo(root, vip, first(root), false)), "all(vip plan any(last))");
});

test("nothing is dragged into itself, nor to a group that goes with it", () => {
  const root = opened({ all: [PRO, { any: [OLD, VIP] }] });
  const group = second(root);
  assert.equal(tree.movedTo(root, group, group, false), root);
  assert.equal(tree.movedTo(root, group, root.rules[1].rules[0].id, false), root);
  const lonely = opened({ all: [PRO, { any: [VIP] }] });
  assert.equal(tree.movedTo(lonely, lonely.rules[1].rules[0].id, second(lonely), true), lonely);
});

test("a condition is put in a group of its own and taken out again", () => {
  const root = opened({ all: [PRO, OLD] });
  const wrapped = tree.grouped(root, first(root), "any");
  assert.equal(drawn(wrapped), "all(any(plan) last)");
  assert.equal(drawn(tree.takenOut(wrapped, wrapped.rules[0].rules[0].id)), "all(plan last)");
  const two = opened({ all: [{ any: [PRO, OLD] }, VIP] });
  assert.equal(drawn(tree.takenOut(two, two.rules[0].rules[0].id)), "all(any(last) plan vip)");
});

test("groups are counted by how deep they stand", () => {
  assert.equal(tree.levels(opened(PRO)), 1);
  assert.equal(tree.levels(opened({ all: [PRO, { any: [{ all: [VIP] }] }] })), 3);
  assert.deepEqual(tree.conditions(opened({ all: [PRO, { not: { any: [IN, VIP] } }] })).map(drawn), [
    "plan",
    "s1",
    "vip",
  ]);
});

test("what is clicked on is added as the lines that it has", () => {
  assert.deepEqual(tree.parts(tree.read({ all: [PRO, VIP] })).map(drawn), ["plan", "vip"]);
  assert.deepEqual(tree.parts(tree.read({ any: [PRO, VIP] })).map(drawn), ["any(plan vip)"]);
  assert.deepEqual(tree.parts(tree.read({ not: { all: [PRO] } })).map(drawn), ["!all(plan)"]);
});

// --- undoing

function edited(...steps) {
  const history = new tree.History(opened({ all: [PRO] }));
  for (const [value, merge] of steps) {
    const { id } = history.root.rules[0];
    history.apply(tree.changed(history.root, id, { value }), `choose ${value}`, id, merge);
  }
  return history;
}
const value = (history) => history.root.rules[0].value;

test("every change is undone and done again, the last first", () => {
  const history = edited(["free"], ["team"]);
  assert.equal(history.undo().label, "choose team");
  assert.equal(value(history), "free");
  assert.equal(history.undo().label, "choose free");
  assert.equal(value(history), "pro");
  assert.equal(history.undo(), null);
  assert.equal(history.redo().label, "choose free");
  assert.equal(history.redo().label, "choose team");
  assert.equal(value(history), "team");
  assert.equal(history.redo(), null);
});

test("what was typed in one field until it was left is one change", () => {
  const history = edited(["f", "n1"], ["fr", "n1"], ["free", "n1"]);
  history.settle();
  history.apply(tree.changed(history.root, history.root.rules[0].id, { value: "freed" }), "more", "n1", "n1");
  history.undo();
  assert.equal(value(history), "free");
  history.undo();
  assert.equal(value(history), "pro");
});

test("a change after an undo forgets what was undone", () => {
  const history = edited(["free"]);
  history.undo();
  history.apply(tree.changed(history.root, history.root.rules[0].id, { value: "team" }), "choose team", "n1");
  assert.equal(history.redo(), null);
  assert.equal(value(history), "team");
});

test("changes are counted since the rule was saved", () => {
  const history = edited(["free"], ["team"]);
  assert.equal(history.changes, 2);
  history.undo();
  assert.equal(history.changes, 1);
  history.undo();
  assert.equal(history.changes, 0);
});

test("a hundred changes are kept, and after more of them the rule still counts as changed", () => {
  const history = edited(...Array.from({ length: 130 }, (_, place) => [`v${place}`]));
  assert.equal(history.past.length, tree.History.MOST);
  assert.equal(history.changes, 100);
  while (history.undo());
  assert.equal(value(history), "v29");
  assert.equal(history.changes, 1);
});
