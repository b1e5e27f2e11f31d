// A rule as a tree: read from JSON, written back equal, changed into new trees, and every change undone.
//
// Nodes are never changed in place. A node denied once carries `denied`; what a row cannot say (a denial of a denial)
// is a group joined by "not". Unfinished conditions lack a property, an operator or a value.

let last = 0;
const fresh = () => `n${++last}`;

export function read(json) {
  if ("not" in json) {
    const part = read(json.not);
    return part.denied ? group("not", [part]) : { ...part, denied: true };
  }
  if ("all" in json) return group("all", json.all.map(read));
  if ("any" in json) return group("any", json.any.map(read));
  if ("segment" in json) return { id: fresh(), kind: "segment", denied: false, segment: json.segment };
  const { property, operator, value } = json;
  return { id: fresh(), kind: "condition", denied: false, property, operator, value };
}

export function group(joiner, rules) {
  return { id: fresh(), kind: "group", joiner, denied: false, rules };
}

export function blank() {
  return { id: fresh(), kind: "condition", denied: false, property: null, operator: null, value: undefined };
}

// The root is always a group; around a rule that is none stands one that is not written as long as it holds only it.
export function open(json) {
  if (json === null) return { ...group("all", []), unwritten: "empty" };
  const node = read(json);
  return node.kind === "group" ? node : { ...group("all", [node]), unwritten: "single" };
}

// `places` takes the path of each node, as problems and answers name it.
export function write(root, places = new Map()) {
  const plain = root.joiner === "all" && !root.denied;
  if (plain && root.unwritten === "empty" && root.rules.length === 0) {
    places.set(root.id, "rule");
    return null;
  }
  if (plain && root.unwritten === "single" && root.rules.length === 1) {
    const written = writeNode(root.rules[0], "rule", places);
    places.set(root.id, "rule");
    return written;
  }
  return writeNode(root, "rule", places);
}

function writeNode(node, at, places) {
  places.set(node.id, at);
  if (node.denied) return { not: writeBody(node, `${at}.not`, places) };
  return writeBody(node, at, places);
}

function writeBody(node, at, places) {
  if (node.kind === "segment") return { segment: node.segment };
  if (node.kind === "condition") {
    const { property, operator, value } = node;
    return value === undefined || value === null ? { property, operator } : { property, operator, value };
  }
  if (node.joiner === "not") return { not: writeNode(node.rules[0], `${at}.not`, places) };
  return { [node.joiner]: node.rules.map((part, place) => writeNode(part, `${at}.${node.joiner}[${place}]`, places)) };
}

export function* nodes(node) {
  yield node;
  for (const part of node.rules ?? []) yield* nodes(part);
}

// What has to be met, line by line.
export const parts = (node) => (node.joiner === "all" && !node.denied ? node.rules : [node]);

export const conditions = (root) => [...nodes(root)].filter((node) => node.kind !== "group");

export function levels(node) {
  if (node.kind !== "group") return 0;
  return 1 + Math.max(0, ...node.rules.map(levels));
}

export function find(root, id, parent = null) {
  if (root.id === id) return { node: root, parent, place: parent ? parent.rules.indexOf(root) : 0 };
  for (const part of root.rules ?? []) {
    const found = find(part, id, root);
    if (found) return found;
  }
  return null;
}

// A tree in which one node is replaced by others, none or several.
export function replaced(root, id, replacement) {
  if (root.id === id) return replacement(root)[0];
  if (!root.rules) return root;
  const rules = root.rules.flatMap((part) => (part.id === id ? replacement(part) : [replaced(part, id, replacement)]));
  return rules.every((part, place) => part === root.rules[place]) && rules.length === root.rules.length
    ? root
    : { ...root, rules };
}

export const changed = (root, id, change) => replaced(root, id, (node) => [{ ...node, ...change }]);

export function added(root, groupId, node) {
  return replaced(root, groupId, (held) => [{ ...held, rules: [...held.rules, node] }]);
}

// An empty group would mean everyone or nobody, so the last of a group takes the group along; the last of all empties.
export function removed(root, id) {
  const { parent } = find(root, id);
  if (!parent) return { ...root, rules: [blank()] };
  if (parent.rules.length > 1) return replaced(root, id, () => []);
  return parent === root ? replaced(root, id, () => [blank()]) : removed(root, parent.id);
}

function copied(node) {
  return { ...node, id: fresh(), ...(node.rules && { rules: node.rules.map(copied) }) };
}

export function duplicated(root, id) {
  const copy = copied(find(root, id).node);
  return { root: replaced(root, id, (node) => [node, copy]), copy };
}

export function moved(root, id, by) {
  const { parent, place } = find(root, id);
  const to = place + by;
  if (!parent || to < 0 || to >= parent.rules.length) return root;
  const rules = [...parent.rules];
  [rules[place], rules[to]] = [rules[to], rules[place]];
  return changed(root, parent.id, { rules });
}

// In front of another node, or behind it, also in another group.
export function movedTo(root, id, target, behind) {
  const node = find(root, id).node;
  if (id === target || find(node, target)) return root;
  const without = removed(root, id);
  if (!find(without, target)) return root;
  return replaced(without, target, (held) => (behind ? [held, node] : [node, held]));
}

export function grouped(root, id, joiner) {
  return replaced(root, id, (node) => [group(joiner, [node])]);
}

export function takenOut(root, id) {
  const { node, parent } = find(root, id);
  const rest = { ...parent, rules: parent.rules.filter((part) => part !== node) };
  return replaced(root, parent.id, () => (rest.rules.length ? [rest, node] : [node]));
}

export class History {
  static MOST = 100;

  constructor(root) {
    this.root = root;
    this.past = [];
    this.future = [];
    this.saved = root;
  }

  // `merge`: edits of one field belong together until it is left.
  apply(root, label, id, merge = null) {
    if (root === this.root) return;
    const top = this.past.at(-1);
    if (merge && top?.merge === merge) {
      this.root = root;
      return;
    }
    this.past.push({ root: this.root, label, id, merge });
    if (this.past.length > History.MOST) this.past.shift();
    this.future = [];
    this.root = root;
  }

  settle() {
    if (this.past.length) this.past.at(-1).merge = null;
  }

  undo() {
    const step = this.past.pop();
    if (!step) return null;
    this.future.push({ ...step, root: this.root });
    this.root = step.root;
    return step;
  }

  redo() {
    const step = this.future.pop();
    if (!step) return null;
    this.past.push({ ...step, root: this.root });
    this.root = step.root;
    return step;
  }

  get changes() {
    if (this.root === this.saved) return 0;
    const since = this.past.findIndex((step) => step.root === this.saved);
    return since < 0 ? Math.max(1, this.past.length) : this.past.length - since;
  }
}
