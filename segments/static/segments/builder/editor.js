// The rule being edited: what can be done to it, and what is known about it.

import { byNode, placed } from "./answers.js";
import { ofOperator, ofProperty, ofSegment, ofValue } from "./choosing.js";
import { Combobox } from "./combobox.js";
import { number, people } from "./dom.js";
import { Offers } from "./offers.js";
import { Rows } from "./rows.js";
import * as tree from "./tree.js";
import { splitAtCommas } from "./typed.js";
import { heading, sort } from "./words.js";

export class Editor {
  // `changed({typing})` is called after every change of the rule; it promises when that is counted.
  constructor({ json, segment, words, server, live, element, notice, changed }) {
    Object.assign(this, { segment, words, server, live, notice, changed });
    const isNew = json === null && !segment;
    this.history = new tree.History(isNew ? tree.group("all", [tree.blank()]) : tree.open(json));
    this.problems = new Map(); // by node: what is wrong with a condition that is left complete
    this.halves = new Map(); // by node: what was typed that is no value yet
    this.commas = new Map(); // by node: values typed with commas, which may be meant to be several
    this.lines = new Map(); // by node: how many it narrows to
    this.proofs = new Map(); // by node: what its logic says
    this.answer = null;
    this.isFresh = false;
    this.offers = new Offers(this);
    this.rows = new Rows(this, element);
  }

  get root() {
    return this.history.root;
  }

  get conditionCount() {
    return tree.conditions(this.root).length;
  }

  get json() {
    return tree.write(this.root);
  }

  // To be seen and heard, until the next change.
  tell(text) {
    this.notice.textContent = text;
    this.live.say(text);
  }

  now(node) {
    return tree.find(this.root, node.id)?.node ?? node;
  }

  unfinished(node) {
    return this.halves.get(node.id) ?? this.words.unfinished(node);
  }

  // The conditions that are still to be finished, with what is to be done.
  get waiting() {
    return tree.conditions(this.root).flatMap((node, place) => {
      const todo = this.unfinished(node);
      return todo ? [{ node, place: place + 1, todo }] : [];
    });
  }

  // --- changing ----------------------------------------------------------------------------------------------------

  apply(root, label, id, { typing = false, focus = null, say = "" } = {}) {
    if (root === this.root) return null;
    this.history.apply(root, label, id, typing ? id : null);
    this.notice.textContent = "";
    this.halves.delete(id);
    this.problems.delete(id);
    this.isFresh = false;
    if (typing) {
      this.rows.adopt(this.now({ id }));
      this.rows.annotate();
    } else {
      this.rows.draw();
    }
    if (focus) this.rows.focus(id, focus);
    if (say) this.live.say(say);
    return this.changed({ typing });
  }

  change(node, change, { label = "change a condition", ...how } = {}) {
    Combobox.flush();
    if (!tree.find(this.root, node.id)) return;
    this.apply(tree.changed(this.root, node.id, change), label, node.id, how);
  }

  settle(node) {
    this.history.settle();
    const half = this.halves.get(node.id);
    if (half) this.problem(node, half);
  }

  // What stands in a field is no value yet: the condition waits for it.
  wrong(node, message) {
    this.halves.set(node.id, message.replace(/\.$/, ""));
    this.isFresh = false;
    this.rows.annotate();
    this.changed({ typing: true });
  }

  problem(node, message) {
    this.problems.set(node.id, message);
    this.rows.annotate();
  }

  chooseProperty(node, property) {
    const { change, isDone } = ofProperty(this.words, this.now(node), property);
    this.change(node, change, { label: `choose ${property.label}`, focus: isDone ? "operator" : "value" });
  }

  chooseValueOf(node, property, value) {
    this.change(node, ofValue(property, value), { label: `choose ${property.label} is ${value}`, focus: "value" });
  }

  chooseSegment(node, id = "") {
    this.change(node, ofSegment(id), { label: "choose being in a segment", focus: "value" });
  }

  chooseOperator(node, key) {
    const held = this.now(node);
    const row = this.words.rows(held).find((each) => each.key === key);
    if (!row || row.key === "kept") return;
    const label = held.kind === "segment" ? row.words : `choose ${row.words}`;
    this.change(node, ofOperator(this.words, held, row), { label });
  }

  atMost() {
    const { conditions } = this.words.choices.most;
    if (this.conditionCount < conditions) return true;
    this.tell(`A rule can have ${number(conditions)} conditions. This one has ${number(this.conditionCount)}.`);
    return false;
  }

  deepEnough(root) {
    const { levels } = this.words.choices.most;
    if (tree.levels(root) <= levels) return true;
    this.tell(`Groups can be ${levels} deep.`);
    return false;
  }

  addCondition(group) {
    Combobox.flush();
    if (!this.atMost()) return;
    const node = tree.blank();
    this.apply(tree.added(this.root, group.id, node), "add a condition", node.id, { focus: "property" });
  }

  addGroup(group) {
    Combobox.flush();
    if (!this.atMost()) return;
    const node = tree.blank();
    const root = tree.added(this.root, group.id, tree.group(this.now(group).joiner === "all" ? "any" : "all", [node]));
    if (this.deepEnough(root)) this.apply(root, "add a group", node.id, { focus: "property" });
  }

  // What somebody clicked on, as conditions at the end of the rule.
  addFinished(json) {
    Combobox.flush();
    if (!this.atMost()) return;
    const nodes = tree.parts(tree.read(json));
    const root = sort(this.root) === "all" ? this.root : tree.group("all", [{ ...this.root, unwritten: undefined }]);
    const added = nodes.reduce((held, node) => tree.added(held, held.id, node), root);
    const said = nodes.map((node) => this.words.said(node)).join(" and ");
    if (this.deepEnough(added)) this.apply(added, `add ${said}`, nodes[0].id, { focus: "more", say: `Added ${said}.` });
  }

  // all of for any of, and none of for not all of.
  joinOtherwise(node) {
    const joiner = { all: "any", any: "all" }[node.joiner];
    this.change(node, { joiner }, { label: `match ${heading({ ...node, joiner })}`, focus: "heading" });
  }

  splitAtCommas(node, whole) {
    const value = splitAtCommas(this.now(node).value, whole);
    this.change(node, { value }, { label: "split at the commas", focus: "value" });
  }

  leaveOutUnknown(node) {
    Combobox.flush();
    const known = { ...tree.blank(), property: node.property, operator: "is_known" };
    const root = tree.replaced(this.root, node.id, (held) => [held, known]);
    this.apply(root, `leave out people without ${this.words.label(node)}`, known.id, { focus: "more" });
  }

  duplicate(node) {
    Combobox.flush();
    if (!this.atMost()) return;
    const { root, copy } = tree.duplicated(this.root, node.id);
    this.apply(root, `duplicate ${this.words.said(node)}`, copy.id, { focus: "value", say: "Duplicated." });
  }

  move(node, by) {
    Combobox.flush();
    const root = tree.moved(this.root, node.id, by);
    if (root === this.root) {
      this.live.say(by < 0 ? "It is the first already." : "It is the last already.");
      return;
    }
    const { parent, place } = tree.find(root, node.id);
    this.apply(root, `move ${this.words.said(this.now(node))}`, node.id, {
      focus: "more",
      say: `Moved to ${place + 1} of ${parent.rules.length} in the group ${heading(parent)}.`,
    });
  }

  moveTo(id, target, behind) {
    Combobox.flush();
    const root = tree.movedTo(this.root, id, target.id, behind);
    if (this.deepEnough(root)) this.apply(root, "move a condition", id, { focus: "more", say: "Moved." });
  }

  wrap(node) {
    Combobox.flush();
    const { parent } = tree.find(this.root, node.id);
    const root = tree.grouped(this.root, node.id, parent?.joiner === "all" ? "any" : "all");
    if (this.deepEnough(root)) this.apply(root, "put in a group", node.id, { focus: "more", say: "Put in a group." });
  }

  async takeOut(node) {
    Combobox.flush();
    const { parent } = tree.find(this.root, node.id);
    if (parent === this.root) {
      this.tell("It is in no group.");
      return;
    }
    const before = this.answer?.count;
    await this.apply(tree.takenOut(this.root, node.id), "take out of the group", node.id, { focus: "more" });
    const after = this.answer?.count;
    if (this.isFresh && before !== undefined && before !== after)
      this.tell(`Taken out of the group: ${number(before)} → ${people(after)}.`);
  }

  remove(node) {
    Combobox.flush();
    const { parent, place } = tree.find(this.root, node.id);
    const root = tree.removed(this.root, node.id);
    const next = parent?.rules[place + 1] ?? parent?.rules[place - 1];
    const said = this.words.said(this.now(node));
    this.apply(root, `remove ${said}`, node.id, { say: `Removed ${said}. Undo is available.` });
    if (!(next && this.rows.focus(next.id, "more"))) {
      const group = parent && tree.find(this.root, parent.id) ? parent.id : this.root.id;
      const only = tree.find(this.root, group).node.rules[0];
      if (!this.rows.focus(only?.id ?? group, only?.property ? "more" : "property"))
        document.getElementById(`${this.root.id}-add`)?.focus();
    }
  }

  replace(json, label) {
    Combobox.flush();
    this.apply(tree.open(json), label, null);
  }

  step(which) {
    Combobox.flush();
    const done = this.history[which]();
    if (!done) return;
    this.halves.clear();
    this.problems.clear();
    this.notice.textContent = "";
    this.isFresh = false;
    this.rows.draw();
    this.live.say(`${which === "undo" ? "Undone" : "Done again"}: ${done.label}.`);
    if (!(tree.find(this.root, done.id) && this.rows.focus(done.id, "more")))
      document.getElementById(`seg-${which}`)?.focus();
    this.changed({ typing: false });
  }

  discard() {
    Combobox.flush();
    this.halves.clear();
    this.apply(this.history.saved, "discard all changes", null, { say: "All changes discarded. Undo is available." });
  }

  // --- knowing -----------------------------------------------------------------------------------------------------

  // What the server said of the rule that was written with these places: an answer, or what is wrong with it. Gives
  // back the problems that concern none of its conditions and groups.
  answered(places, { answer = null, problems = [] }) {
    const { at, elsewhere } = placed(problems, places, (id) => tree.find(this.root, id));
    this.problems = at;
    if (answer) Object.assign(this, { answer, ...byNode(answer, places) });
    this.isFresh = Boolean(answer);
    this.rows.annotate();
    return elsewhere;
  }
}
