// What is offered to choose from in the fields of a rule: properties, values, segments.

import { number, people } from "./dom.js";

const MOST = { properties: 60, segments: 50, among: 10, told: 10 };
const GROUPS = ["Custom", "Basics", "Tags"];
const PARTS = ["contains", "starts_with", "ends_with"]; // operators for which a value that nobody has makes sense

export class Offers {
  constructor(editor) {
    this.editor = editor;
    this.words = editor.words;
    this.server = editor.server;
  }

  // In the order in which they are shown; each knows how it is applied to a condition.
  async properties(text) {
    const wanted = text.trim().toLowerCase();
    const options = matching(this.words.choices.properties, wanted).map((each) => ({
      group: wanted ? "Properties" : each.group,
      label: each.label,
      detail: about(each),
      apply: (node) => this.editor.chooseProperty(node, each),
    }));
    if (wanted.length > 1) options.push(...(await this.byValue(text)));
    options.push(...(wanted ? this.beingIn(text) : this.beingInAny()));
    return options.length ? options : [{ label: `Nothing is called "${text}"`, unavailable: true }];
  }

  async byValue(text) {
    const { found } = await this.server.get("suggest", { text });
    return found.flatMap(({ reference, values }) => {
      const property = this.words.properties.get(reference);
      if (!property || !["text", "list"].includes(property.kind)) return [];
      return values.map((value) => ({
        group: "Values",
        label: `${property.label} ${property.kind === "list" ? "includes" : "is"} "${value}"`,
        apply: (node) => this.editor.chooseValueOf(node, property, value),
      }));
    });
  }

  beingIn(text) {
    const named = this.segments(text).slice(0, MOST.among);
    return named.map((each) => ({
      ...each,
      group: "Segments",
      label: `In ${each.label}`,
      apply: (node) => this.editor.chooseSegment(node, each.value),
    }));
  }

  beingInAny() {
    if (!this.words.segments.size) return [];
    const apply = (node) => this.editor.chooseSegment(node);
    return [{ group: "Segments", label: "Segment", detail: "being in another one", apply }];
  }

  async values(node, text, chosen) {
    const property = this.words.properties.get(node.property);
    const answer = await this.server.get("values", { property: node.property, text });
    return valuesOffered(answer, { property, operator: node.operator, text: text.trim(), chosen });
  }

  segments(text) {
    const wanted = text.trim().toLowerCase();
    return this.words.choices.segments
      .filter((each) => each.id !== this.editor.segment && each.name.toLowerCase().includes(wanted))
      .slice(0, MOST.segments)
      .map(({ id, name, circle }) => ({ label: name, value: id, unavailable: Boolean(circle), detail: circle }));
  }

  // The first ones with how many are in each, and its rule in words.
  async segmentsTold(text) {
    const options = this.segments(text);
    const first = options.filter((each) => !each.unavailable).slice(0, MOST.told);
    const asked = first.map((each) => ["id", each.value]);
    const { told } = await this.server.get("told", asked);
    return options.map((each) => {
      const { count, words } = told[each.value] ?? {};
      return { ...each, detail: each.detail || (Number.isInteger(count) ? people(count) : ""), words };
    });
  }
}

// Those that begin with what is wanted first, then those that most people have; where nothing is, by their groups.
export function matching(properties, wanted) {
  const has = (word) => word.toLowerCase().includes(wanted);
  const first = (each) => (each.label.toLowerCase().startsWith(wanted) ? 0 : 1);
  const group = (each) => (wanted ? 0 : GROUPS.indexOf(each.group));
  return properties
    .filter((each) => has(each.label) || has(each.reference))
    .sort(
      (one, other) =>
        group(one) - group(other) ||
        first(one) - first(other) ||
        other.known - one.known ||
        one.label.localeCompare(other.label),
    )
    .slice(0, MOST.properties);
}

export function about({ kind, people: all, known }) {
  if (all === null) return kind; // nobody has counted yet
  const filled = all ? Math.round((100 * known) / all) : 0;
  return `${kind}, ${known && !filled ? "<1" : filled}% have it`;
}

// The values that people have, those that are offered for choice and nobody has, how many more there are, and what
// was typed.
export function valuesOffered({ values: found, distinct }, { property, operator, text, chosen }) {
  const wanted = text.toLowerCase();
  const isSame = (value) => (other) => String(other).toLowerCase() === String(value).toLowerCase();
  const isChosen = (value) => chosen.some(isSame(value));
  const isFound = (value) => found.some((each) => String(each.value) === String(value));
  const option = (value, detail) => ({ group: "Values", value, label: String(value), detail });
  const offered = found.filter(({ value }) => !isChosen(value)).map(({ value, count }) => option(value, number(count)));
  const unused = (property?.options ?? [])
    .filter((value) => !isFound(value) && !isChosen(value) && String(value).toLowerCase().includes(wanted))
    .map((value) => option(value, "0"));
  const options = [...offered, ...unused];
  if (distinct > found.length && options.length) {
    const label = `and ${number(distinct - found.length)} more: type ${text ? "more " : ""}to find them`;
    options.push({ group: "Values", label, unavailable: true });
  }
  const isExact = found.some(({ value }) => isSame(text)(value));
  if (text && !isExact && property?.kind !== "number" && !isChosen(text)) {
    const detail = PARTS.includes(operator) ? "" : "nobody has this yet";
    options.push({ group: "As typed", value: text, label: `Use "${text}"`, detail, text });
  }
  return options;
}
