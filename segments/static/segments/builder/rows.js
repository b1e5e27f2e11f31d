// Draw the rule: groups as fieldsets, conditions as rows. A row that did not change keeps its element, and the focus
// stays on whatever has the same id.

import { Combobox } from "./combobox.js";
import { h } from "./dom.js";
import { menuButton } from "./menu.js";
import { Notes } from "./notes.js";
import { conditions } from "./tree.js";
import { valueControl } from "./values.js";
import { HEADINGS, heading, joiner, sort } from "./words.js";

const LARGE = 60; // conditions; of more, those out of sight are laid out when they come into it
const OPEN_TO = 4; // groups deeper than this start as their sentence

export class Rows {
  constructor(editor, element) {
    Object.assign(this, { editor, element, rows: new Map(), opened: new Map(), card: null });
    this.notes = new Notes(editor);
  }

  draw() {
    const focused = document.activeElement?.id;
    const held = this.element.contains(document.activeElement);
    this.notes.clear();
    const kept = this.rows;
    this.rows = new Map();
    this.kept = kept;
    this.count = 0;
    this.total = this.editor.conditionCount;
    this.element.classList.toggle("seg-large", this.total > LARGE);
    this.element.replaceChildren(this.group(this.editor.root, null, 0));
    if (held && focused) document.getElementById(focused)?.focus({ preventScroll: true });
    this.annotate();
  }

  // Numbers, hints and errors, without touching any field.
  annotate() {
    this.notes.draw();
    this.foldAll();
  }

  // After typing the node is another one, and its row is still right.
  adopt(node) {
    const row = this.rows.get(node.id);
    if (row) row.node = node;
  }

  // --- groups ------------------------------------------------------------------------------------------------------

  group(node, parent, depth) {
    const { editor } = this;
    const kind = sort(node);
    const name = parent
      ? `Group in ${heading(parent)}: ${editor.words.said(node)}`
      : `People who match ${editor.words.said(node)}`;
    const isOpen = this.opened.get(node.id) ?? depth <= OPEN_TO;
    const note = this.notes.of(node);
    const head = h(
      "div",
      { class: "seg-head" },
      parent ? null : h("span", {}, "People who match"),
      kind === "not" ? h("strong", { class: "seg-not" }, "not") : this.heading(node, kind),
      h("span", {}, node.rules.length ? "these:" : this.emptyMeans(node)),
      parent ? note.left : null,
      parent
        ? menuButton(
            `Actions for the group ${heading(node)}`,
            () => this.menu(node, [isOpen ? "Close" : "Open", () => this.toggle(node, !isOpen)]),
            (event) => this.keys(event, node),
            `${node.id}-more`,
          )
        : null,
    );
    const list = h(
      "ol",
      {},
      node.rules.map((part, at) => this.line(part, node, at, depth)),
    );
    const adding =
      kind === "not"
        ? null
        : h(
            "div",
            { class: "seg-adding" },
            h(
              "button",
              { type: "button", class: "seg-add", id: `${node.id}-add`, onclick: () => editor.addCondition(node) },
              "Add condition",
            ),
            h(
              "button",
              { type: "button", class: "seg-add", id: `${node.id}-add-group`, onclick: () => editor.addGroup(node) },
              "Add group",
            ),
          );
    const body = isOpen
      ? [list, adding]
      : h(
          "button",
          { type: "button", class: "seg-link", id: `${node.id}-open`, onclick: () => this.toggle(node, true) },
          `${this.sentence(node)} Open`,
        );
    return h(
      "fieldset",
      { class: "seg-group", "data-sort": kind, "data-id": node.id },
      h("legend", { class: "visually-hidden" }, name),
      head,
      note.hint,
      note.error,
      body,
    );
  }

  heading(node, kind) {
    const { editor } = this;
    const choose = (event) => {
      const [joined, denied] = {
        all: ["all", false],
        any: ["any", false],
        none: ["any", true],
        "not all": ["all", true],
      }[event.target.value];
      editor.change(node, { joiner: joined, denied }, { label: `match ${HEADINGS[event.target.value]}` });
    };
    return h(
      "select",
      { class: "seg-heading", id: `${node.id}-heading`, "aria-label": "How these are joined", onchange: choose },
      Object.entries(HEADINGS).map(([value, words]) => h("option", { value, selected: value === kind }, words)),
    );
  }

  emptyMeans(node) {
    if (node.unwritten === "empty") return "these. There is no rule yet: only people who are pinned are in.";
    return (node.joiner === "all") !== node.denied ? "nothing, which is everyone" : "nothing, which is nobody";
  }

  sentence(node) {
    return `${heading(node)}: ${node.rules.map((part) => (part.rules ? `(${this.sentence(part)})` : this.editor.words.said(part))).join("; ")}.`;
  }

  toggle(node, open) {
    this.opened.set(node.id, open);
    this.draw();
    document.getElementById(open ? `${node.id}-more` : `${node.id}-open`)?.focus();
  }

  line(node, parent, place, depth) {
    const word = place ? joiner(parent) : "";
    const inside = node.kind === "group" ? this.group(node, parent, depth + 1) : this.row(node);
    const line = h(
      "li",
      { class: "seg-line", "data-id": node.id },
      h("span", { class: "seg-joiner" }, word),
      h("div", { class: "seg-inside" }, inside),
    );
    this.dropping(line, node);
    return line;
  }

  // --- rows --------------------------------------------------------------------------------------------------------

  row(node) {
    const { editor } = this;
    this.count += 1;
    const name = `Condition ${this.count} of ${this.total}: ${editor.words.said(node)}`;
    const kept = this.kept.get(node.id);
    const row = kept && kept.node === node ? kept : this.drawn(node);
    this.rows.set(node.id, row);
    this.notes.keep(node, row.note);
    row.element.setAttribute("aria-label", name);
    row.more.setAttribute("aria-label", `Actions for condition ${this.count}`);
    return row.element;
  }

  drawn(node) {
    const { editor } = this;
    const note = this.notes.of(node);
    const ids = { value: `${node.id}-value`, described: `${note.hint.id} ${note.error.id}` };
    const operators = editor.words.rows(node);
    const now = editor.words.row(node)?.key ?? (node.operator ? "kept" : "");
    const property = new Combobox({
      id: `${node.id}-property`,
      label: "Property",
      text: editor.words.label(node),
      placeholder: "Choose a property",
      described: ids.described,
      options: (text) => editor.offers.properties(text),
      choose: (option) => option.apply(node),
      typed: (text) =>
        editor.problem(
          node,
          text.trim() ? `There is no property ${text}. Choose one from the list.` : "Choose a property.",
        ),
    }).element;
    const operator =
      node.property || node.kind === "segment"
        ? h(
            "select",
            {
              id: `${node.id}-operator`,
              class: "seg-operator",
              "aria-label": "Operator",
              onchange: (event) => editor.chooseOperator(node, event.target.value),
            },
            now ? null : h("option", { value: "", selected: true }, "Choose an operator"),
            operators.map((row) => h("option", { value: row.key, selected: row.key === now }, row.words)),
          )
        : null;
    const value = node.operator || node.kind === "segment" ? valueControl(node, editor, ids) : null;
    const negate = () =>
      editor.change(
        editor.now(node),
        { denied: !editor.now(node).denied },
        { label: "negate", focus: "more", say: "Negated." },
      );
    const more = menuButton(
      "Actions",
      () => this.menu(node, ["Negate", negate]),
      (event) => this.keys(event, node),
      `${node.id}-more`,
    );
    const handle = h(
      "span",
      { class: "seg-handle", draggable: true, "aria-hidden": "true", title: "Drag to move" },
      "⠿",
    );
    handle.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", node.id);
      event.dataTransfer.effectAllowed = "move";
      this.dragged = node.id;
    });
    const closed = h("button", {
      type: "button",
      class: "seg-closed",
      dir: "auto",
      onclick: () => this.focus(node.id, "value"),
    });
    const named = (field, part, words) =>
      field ? [h("label", { class: "seg-label", for: `${node.id}-${part}` }, words), field] : null;
    const element = h(
      "div",
      { class: "seg-row", role: "group", "data-row": node.id },
      closed,
      h(
        "div",
        { class: "seg-fields" },
        handle,
        named(property, "property", "Property"),
        named(operator, "operator", "Operator"),
        named(value, "value", "Value"),
      ),
      h("div", { class: "seg-side" }, note.left, more),
      note.hint,
      note.error,
    );
    return { node, element, note, more, closed };
  }

  // `own`: what only a row has in its menu, or only a group.
  menu(node, own) {
    const { editor } = this;
    return [
      ["Duplicate", () => editor.duplicate(node)],
      ["Move up", () => editor.move(node, -1)],
      ["Move down", () => editor.move(node, 1)],
      ["Put in a group", () => editor.wrap(node)],
      ["Take out of the group", () => editor.takeOut(node)],
      own,
      ["Remove", () => editor.remove(node)],
    ];
  }

  keys(event, node) {
    const { editor } = this;
    if (event.key === "Delete") editor.remove(node);
    else if (event.altKey && event.key === "ArrowUp") editor.move(node, -1);
    else if (event.altKey && event.key === "ArrowDown") editor.move(node, 1);
    else return;
    event.preventDefault();
  }

  dropping(line, node) {
    const isBehind = (event) => {
      const { top, height } = line.getBoundingClientRect();
      return event.clientY > top + height / 2;
    };
    line.addEventListener("dragover", (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      event.stopPropagation();
      line.classList.toggle("seg-behind", isBehind(event));
      line.classList.toggle("seg-before", !isBehind(event));
    });
    const end = () => line.classList.remove("seg-behind", "seg-before");
    line.addEventListener("dragleave", end);
    line.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      end();
      const dragged = this.dragged;
      this.dragged = null;
      if (dragged) this.editor.moveTo(dragged, node, isBehind(event));
    });
  }

  // --- folding and focus --------------------------------------------------------------------------------------------

  // Where there is no room, a finished row is its own sentence, and the one that is being edited shows its fields.
  fold(row, node) {
    const { editor } = this;
    const isOpen = this.card === node.id || Boolean(editor.unfinished(node)) || editor.problems.has(node.id);
    row.element.classList.toggle("seg-is-open", isOpen);
    row.closed.textContent = editor.words.said(node);
  }

  foldAll() {
    for (const node of conditions(this.editor.root)) {
      const row = this.rows.get(node.id);
      if (row) this.fold(row, node);
    }
  }

  openCard(id) {
    this.card = id;
    this.foldAll();
  }

  focus(id, part) {
    if (this.rows.has(id) && part !== "more") this.openCard(id);
    const target =
      document.getElementById(`${id}-${part}`) ??
      document.getElementById(`${id}-property`) ??
      document.getElementById(`${id}-heading`) ??
      document.getElementById(`${id}-more`);
    target?.focus();
    // What is still to be chosen is offered at once.
    if (target?.combobox && !target.value && part === "property") target.combobox.open();
    return Boolean(target);
  }
}
