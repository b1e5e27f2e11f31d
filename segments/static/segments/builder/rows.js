// Draw the rule: groups as fieldsets, conditions as rows. A row that did not change keeps its element, and the focus
// stays on whatever has the same id.

import { Combobox } from "./combobox.js";
import { about, h, number, people } from "./dom.js";
import { menuButton } from "./menu.js";
import { included, resolved, valueControl } from "./values.js";
import { HEADINGS, heading, joiner, sort, values } from "./words.js";

const LARGE = 60; // conditions; of more, those out of sight are laid out when they come into it
const OPEN_TO = 4; // groups deeper than this start as their sentence

export class Rows {
  constructor(editor, element) {
    Object.assign(this, { editor, element, rows: new Map(), notes: new Map(), opened: new Map(), card: null });
  }

  draw() {
    const focused = document.activeElement?.id;
    const held = this.element.contains(document.activeElement);
    this.notes = new Map();
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
    const note = this.noteOf(node);
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
    this.notes.set(node.id, row.note);
    row.element.setAttribute("aria-label", name);
    row.more.setAttribute("aria-label", `Actions for condition ${this.count}`);
    return row.element;
  }

  drawn(node) {
    const { editor } = this;
    const note = this.noteOf(node);
    const ids = { value: `${node.id}-value`, described: `${note.hint.id} ${note.error.id}` };
    const operators = editor.words.rows(node);
    const now = editor.words.row(node)?.key ?? (node.operator ? "kept" : "");
    const property = new Combobox({
      id: `${node.id}-property`,
      label: "Property",
      text: editor.words.label(node),
      placeholder: "Choose a property",
      described: ids.described,
      options: (text) => editor.properties(text),
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

  // --- what is said beside them --------------------------------------------------------------------------------------

  noteOf(node) {
    const note = {
      left: h("span", { class: "seg-left" }),
      hint: h("p", { class: "seg-hint", id: `${node.id}-hint` }),
      error: h("p", { class: "seg-error", id: `${node.id}-error` }),
    };
    this.notes.set(node.id, note);
    return note;
  }

  // Numbers, hints and errors, without touching any field.
  annotate() {
    const { editor } = this;
    const walk = (node, parent, before, denied) => {
      const note = this.notes.get(node.id);
      const line = editor.answer && editor.isFresh ? editor.lines.get(node.id) : null;
      if (note) {
        note.left.textContent = parent && line ? left(parent, line, before) : "";
        const problem = editor.problems.get(node.id);
        note.error.replaceChildren(...(problem ? [h("strong", {}, "Error: "), problem] : []));
        this.mark(node, Boolean(problem));
        note.hint.replaceChildren(
          ...spaced([
            ...this.proved(node, parent),
            ...(node.kind === "group" ? [] : this.hints(node, parent, line, before, denied)),
          ]),
        );
        const row = this.rows.get(node.id);
        if (row) this.fold(row, node);
      }
      let above = null;
      for (const part of node.rules ?? []) {
        walk(part, node, above, denied || node.denied || node.joiner === "not");
        above = editor.lines.get(part.id) ?? null;
      }
    };
    walk(editor.root, null, null, false);
  }

  mark(node, wrong) {
    for (const part of ["property", "operator", "value", "value-to"]) {
      const field = document.getElementById(`${node.id}-${part}`);
      if (wrong) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
    }
  }

  hints(node, parent, line, before, denied) {
    const { editor } = this;
    const hints = [];
    const unfinished = editor.unfinished(node);
    if (unfinished && !editor.problems.has(node.id)) hints.push(`${unfinished}.`);
    const property = editor.words.properties.get(node.property);
    if (property && property.known === 0) {
      hints.push(
        `Nobody has a value for ${property.label} yet${node.denied ? ", so this condition lets everyone through" : ""}.`,
      );
    }
    const { units, workspace } = editor.words.choices;
    if (included(node)) hints.push(included(node));
    const moves = resolved(node, units, workspace.zone);
    if (moves) hints.push(`${moves[0].toUpperCase()}${moves.slice(1)}.`);
    if (property?.kind === "number" && property.lowest !== null && editor.words.takes(node) !== "nothing") {
      hints.push(`From ${about(property.lowest)} to ${about(property.highest)}.`);
    }
    if (line) {
      const came = before ? before.met : line.reached;
      if (sort(parent) === "all" && came && line.met === came)
        hints.push(`Changes nothing: all ${number(came)} already match.`);
      if (line.unknown && !denied && property) {
        hints.push(
          h(
            "span",
            {},
            `Includes ${people(line.unknown)} with no ${property.label.toLowerCase()}`,
            parent.joiner === "all" ? [" · ", this.link("Leave them out", () => editor.leaveOutUnknown(node))] : ".",
          ),
        );
      }
    }
    const whole = (editor.commas.get(node.id) ?? []).filter((value) => values(node.value).includes(value));
    if (whole.length)
      hints.push(
        h(
          "span",
          {},
          "Split at the commas? ",
          this.link("Split", () => editor.splitAtCommas(node, whole)),
        ),
      );
    return hints;
  }

  link(text, onclick) {
    return h("button", { type: "button", class: "seg-link", onclick }, text);
  }

  // What its logic says of a group or condition inside the rule; of the rule itself the panel says it.
  proved(node, parent) {
    const { editor } = this;
    const proof = parent && editor.isFresh && editor.proofs.get(node.id);
    return proof ? this.proof(node, proof) : [];
  }

  proof(node, { words, other }) {
    if (!other || !node.rules) return [words];
    const otherwise = heading({ ...node, joiner: { all: "any", any: "all" }[node.joiner] });
    return [words, this.link(`Use ${otherwise} instead`, () => this.editor.joinOtherwise(this.editor.now(node)))];
  }

  // Where there is no room, a finished row is its own sentence, and the one that is being edited shows its fields.
  fold(row, node) {
    const { editor } = this;
    const isOpen = this.card === node.id || Boolean(editor.unfinished(node)) || editor.problems.has(node.id);
    row.element.classList.toggle("seg-is-open", isOpen);
    row.closed.textContent = editor.words.said(node);
  }

  openCard(id) {
    this.card = id;
    for (const row of this.rows.values()) this.fold(row, this.editor.now(row.node));
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

const spaced = (hints) => hints.flatMap((hint, place) => (place ? [" ", hint] : [hint]));

function left(parent, line, before) {
  const met = before ? before.met : parent.joiner === "any" ? 0 : line.reached;
  const kind = sort(parent);
  if (kind === "all") return `${number(line.met)} left`;
  if (kind === "any") return `adds ${number(line.met - met)}`;
  if (kind === "none") return `${number(line.reached - line.met)} left`;
  return `${number(line.met)} meet ${before ? "these" : "this"}`;
}
