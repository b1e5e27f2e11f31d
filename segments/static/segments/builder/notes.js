// What is said beside the conditions and groups of a rule: how many, hints, and what is wrong.

import { about, h, number, people } from "./dom.js";
import { included, resolved } from "./moments.js";
import { values } from "./typed.js";
import { heading, sort } from "./words.js";

export class Notes {
  constructor(editor) {
    this.editor = editor;
    this.notes = new Map();
  }

  // The rule is drawn anew: `keep` holds what is not.
  clear() {
    this.notes = new Map();
  }

  keep(node, note) {
    this.notes.set(node.id, note);
  }

  of(node) {
    const note = {
      left: h("span", { class: "seg-left" }),
      hint: h("p", { class: "seg-hint", id: `${node.id}-hint` }),
      error: h("p", { class: "seg-error", id: `${node.id}-error` }),
    };
    this.notes.set(node.id, note);
    return note;
  }

  // Numbers, hints and errors, without touching any field.
  draw() {
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
            parent.joiner === "all" ? [" · ", link("Leave them out", () => editor.leaveOutUnknown(node))] : ".",
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
          link("Split", () => editor.splitAtCommas(node, whole)),
        ),
      );
    return hints;
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
    return [words, link(`Use ${otherwise} instead`, () => this.editor.joinOtherwise(this.editor.now(node)))];
  }
}

const link = (text, onclick) => h("button", { type: "button", class: "seg-link", onclick }, text);

const spaced = (hints) => hints.flatMap((hint, place) => (place ? [" ", hint] : [hint]));

// How many a part leaves, adds or has, by how its group is joined; `before` is the line of the part above it.
export function left(parent, line, before) {
  const met = before ? before.met : parent.joiner === "any" ? 0 : line.reached;
  const kind = sort(parent);
  if (kind === "all") return `${number(line.met)} left`;
  if (kind === "any") return `adds ${number(line.met - met)}`;
  if (kind === "none") return `${number(line.reached - line.met)} left`;
  return `${number(line.met)} meet ${before ? "these" : "this"}`;
}
