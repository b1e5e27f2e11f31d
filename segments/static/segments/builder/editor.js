// The rule being edited: what can be done to it, what is known about it, and what is offered to choose from.

import { Combobox } from "./combobox.js";
import { number, people } from "./dom.js";
import { Rows } from "./rows.js";
import * as tree from "./tree.js";
import { heading, sort, values } from "./words.js";

export class Editor {
  // `changed({typing})` is called after every change of the rule.
  constructor({ json, segment, words, server, live, element, notice, changed }) {
    Object.assign(this, { segment, words, server, live, notice, changed });
    const isNew = json === null && !segment;
    this.history = new tree.History(isNew ? tree.group("all", [tree.blank()]) : tree.open(json));
    this.problems = new Map(); // by node: what is wrong with a condition that is left complete
    this.halves = new Map(); // by node: what was typed that is no value yet
    this.commas = new Map(); // by node: values typed with commas, which may be meant to be several
    this.lines = new Map();
    this.proofs = new Map();
    this.answer = null;
    this.isFresh = false;
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
    if (root === this.root) return;
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
    this.changed({ typing });
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
    const held = this.now(node);
    const kind = property.kind;
    const rows = this.words.operators[kind];
    const fits =
      held.kind === "condition" &&
      rows.find((row) => row.offered && row.operator === held.operator && row.denied === held.denied);
    const first = rows.find((row) => row.offered);
    const row = fits || first;
    const sameKind = this.words.kind(held) === kind;
    const change = {
      kind: "condition",
      segment: undefined,
      property: property.reference,
      operator: row.operator,
      denied: row.denied,
      value: "value" in row ? row.value : fits && sameKind ? held.value : undefined,
    };
    const part = row.takes === "nothing" ? "operator" : "value";
    this.change(node, change, { label: `choose ${property.label}`, focus: part });
  }

  chooseValueOf(node, property, value) {
    const operator = property.kind === "list" ? "includes" : "is";
    this.change(
      node,
      { kind: "condition", segment: undefined, property: property.reference, operator, denied: false, value },
      { label: `choose ${property.label} is ${value}`, focus: "value" },
    );
  }

  chooseSegment(node, id = "") {
    this.change(
      node,
      { kind: "segment", segment: id, denied: false, property: undefined, operator: undefined, value: undefined },
      { label: "choose being in a segment", focus: "value" },
    );
  }

  chooseOperator(node, key) {
    const held = this.now(node);
    const row = this.words.rows(held).find((each) => each.key === key);
    if (!row || row.key === "kept") return;
    if (held.kind === "segment") {
      this.change(node, { denied: row.denied }, { label: row.words });
      return;
    }
    const before = this.words.takes(held);
    let value = before === row.takes ? held.value : undefined;
    if ("value" in row) value = row.value;
    else if (before === "nothing") value = undefined;
    else if (before === "some" && row.takes === "one") value = values(held.value)[0];
    else if (before === "one" && row.takes === "some") value = held.value;
    this.change(node, { operator: row.operator, denied: row.denied, value }, { label: `choose ${row.words}` });
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
    const kept = values(this.now(node).value).flatMap((value) =>
      whole.includes(value)
        ? value
            .split(",")
            .map((part) => part.trim())
            .filter(Boolean)
        : [value],
    );
    this.change(node, { value: [...new Set(kept)] }, { label: "split at the commas", focus: "value" });
  }

  startFrom(property, operator, value) {
    const [node] = tree.conditions(this.root);
    if (operator === "is") {
      this.chooseProperty(node, property);
      document.activeElement.combobox?.open();
    } else
      this.change(
        node,
        { property: property.reference, operator, value },
        { label: `choose ${property.label}`, focus: "value" },
      );
  }

  async copy({ value, label }) {
    try {
      const { rule } = await this.server.get("copy", { segment: value });
      this.replace(rule, `copy ${label}`);
      this.live.say(`Copied the rule of ${label}.`);
    } catch (error) {
      this.tell(error.problems?.map((each) => `${label}: ${each.message}.`).join(" ") || error.message);
    }
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
    this.apply(tree.takenOut(this.root, node.id), "take out of the group", node.id, { focus: "more" });
    await this.counted;
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

  known(answer, places) {
    const byPlace = new Map([...places].map(([id, at]) => [at, id]));
    this.answer = answer;
    this.lines = new Map();
    for (const line of answer.lines) if (byPlace.has(line.at)) this.lines.set(byPlace.get(line.at), line);
    this.proofs = new Map(
      answer.proofs.filter((each) => byPlace.has(each.at)).map((each) => [byPlace.get(each.at), each]),
    );
    this.isFresh = true;
    this.rows.annotate();
  }

  // Each of the server's problems at the condition that it concerns; those that concern none are given back.
  refused(problems, places) {
    const elsewhere = [];
    this.problems.clear();
    for (const problem of problems) {
      const found = [...places].filter(
        ([, at]) => problem.path === at || problem.path.startsWith(`${at}.`) || problem.path.startsWith(`${at}[`),
      );
      const [id] = found.sort((one, other) => other[1].length - one[1].length)[0] ?? [];
      const text = `${problem.message[0].toUpperCase()}${problem.message.slice(1)}.`.replace("..", ".");
      if (id && tree.find(this.root, id)) this.problems.set(id, text);
      else elsewhere.push(text);
    }
    this.isFresh = false;
    this.rows.annotate();
    return elsewhere;
  }

  // --- offering ----------------------------------------------------------------------------------------------------

  async properties(text) {
    const wanted = text.trim().toLowerCase();
    const matches = (each) =>
      !wanted || each.label.toLowerCase().includes(wanted) || each.reference.toLowerCase().includes(wanted);
    const first = (each) => (each.label.toLowerCase().startsWith(wanted) ? 0 : 1);
    const found = this.words.choices.properties
      .filter(matches)
      .sort(
        (one, other) =>
          (wanted ? first(one) - first(other) : 0) || other.known - one.known || one.label.localeCompare(other.label),
      );
    const order = ["Custom", "Basics", "Tags"];
    if (!wanted) found.sort((one, other) => order.indexOf(one.group) - order.indexOf(other.group));
    const options = found.slice(0, 60).map((each) => ({
      group: wanted ? "Properties" : each.group,
      label: each.label,
      detail: this.about(each),
      apply: (node) => this.chooseProperty(node, each),
    }));
    if (wanted.length > 1) options.push(...(await this.byValue(text)));
    const segments = this.segments(text)
      .slice(0, 10)
      .map((each) => ({
        ...each,
        group: "Segments",
        label: `In ${each.label}`,
        apply: (node) => this.chooseSegment(node, each.value),
      }));
    if (wanted && segments.length) options.push(...segments);
    else if (!wanted && this.words.segments.size) {
      options.push({
        group: "Segments",
        label: "Segment",
        detail: "being in another one",
        apply: (node) => this.chooseSegment(node),
      });
    }
    return options.length ? options : [{ label: `Nothing is called "${text}"`, unavailable: true }];
  }

  about(property) {
    if (property.people === null) {
      return property.kind; // nobody has counted yet
    }
    const filled = property.people ? Math.round((100 * property.known) / property.people) : 0;
    return `${property.kind}, ${property.known && !filled ? "<1" : filled}% have it`;
  }

  async byValue(text) {
    const { found } = await this.server.get("suggest", { text });
    return found.flatMap(({ reference, values: held }) => {
      const property = this.words.properties.get(reference);
      if (!property || !["text", "list"].includes(property.kind)) return [];
      return held.map((value) => ({
        group: "Values",
        label: `${property.label} ${property.kind === "list" ? "includes" : "is"} "${value}"`,
        apply: (node) => this.chooseValueOf(node, property, value),
      }));
    });
  }

  async values(node, text, chosen) {
    const property = this.words.properties.get(node.property);
    const { values: found, distinct } = await this.server.get("values", { property: node.property, text });
    const isChosen = (value) => chosen.some((each) => String(each).toLowerCase() === String(value).toLowerCase());
    const offered = found.filter((each) => !isChosen(each.value));
    const options = offered.map((each) => ({
      group: "Values",
      value: each.value,
      label: String(each.value),
      detail: number(each.count),
    }));
    for (const value of property?.options ?? []) {
      const listed = found.some((each) => String(each.value) === String(value)) || isChosen(value);
      if (!listed && String(value).toLowerCase().includes(text.trim().toLowerCase()))
        options.push({ group: "Values", value, label: String(value), detail: "0" });
    }
    if (distinct > found.length && options.length) {
      options.push({
        group: "Values",
        label: `and ${number(distinct - found.length)} more: type ${text.trim() ? "more " : ""}to find them`,
        unavailable: true,
      });
    }
    const exact = found.some((each) => String(each.value).toLowerCase() === text.trim().toLowerCase());
    if (text.trim() && !exact && property?.kind !== "number" && !isChosen(text.trim())) {
      const hasPart = ["contains", "starts_with", "ends_with"].includes(node.operator);
      options.push({
        group: "As typed",
        value: text.trim(),
        label: `Use "${text.trim()}"`,
        detail: hasPart ? "" : "nobody has this yet",
        text: text.trim(),
      });
    }
    return options;
  }

  segments(text) {
    const wanted = text.trim().toLowerCase();
    return this.words.choices.segments
      .filter((each) => each.id !== this.segment && each.name.toLowerCase().includes(wanted))
      .slice(0, 50)
      .map((each) => ({
        label: each.name,
        value: each.id,
        unavailable: Boolean(each.circle),
        detail: each.circle,
      }));
  }

  // The first ones with how many are in each, and its rule in words.
  async segmentsTold(text) {
    const options = this.segments(text);
    const first = options.filter((each) => !each.unavailable).slice(0, 10);
    const { told } = await this.server.get(
      "told",
      first.map((each) => ["id", each.value]),
    );
    return options.map((each) => {
      const { count, words } = told[each.value] ?? {};
      return { ...each, detail: each.detail || (Number.isInteger(count) ? people(count) : ""), words };
    });
  }
}
