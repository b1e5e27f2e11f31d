// The control for the value of a condition: tokens, numbers, dates, periods, segments; what has none is kept as it is.

import { Combobox } from "./combobox.js";
import { h, number } from "./dom.js";
import { DAY, MOMENT } from "./moments.js";
import { given, others, period, readLines, readNumber, values } from "./typed.js";

// `editor`: words, server, change(node, value, {typing}), announce. Gives an element; its first control gets focus.
export function valueControl(node, editor, ids) {
  const takes = editor.words.takes(node);
  const kind = editor.words.kind(node);
  if (takes === "nothing") return null;
  if (takes === "segment") return segment(node, editor, ids);
  if (!fits(takes, node.value)) return kept(node);
  if (takes === "some") return tokens(node, editor, ids, kind);
  if (takes === "period") return length(node, editor, ids);
  if (takes === "two") return ends(node, editor, ids, kind);
  return single(node, editor, ids, kind, values(node.value)[0], "Value", (value) => value);
}

function fits(takes, value) {
  const plain = (each) => ["string", "number", "boolean"].includes(typeof each);
  if (!given(value)) return takes !== "kept";
  if (takes === "some") return values(value).every(plain);
  if (takes === "one") return values(value).length === 1 && plain(values(value)[0]);
  if (takes === "two") return values(value).length <= 2 && values(value).every((each) => !given(each) || plain(each));
  if (takes === "period") return Boolean(period(value)) && ["string", "number"].includes(typeof period(value).amount);
  return false;
}

function kept(node) {
  if (!given(node.value)) return null;
  return h("span", { class: "seg-kept" }, h("code", {}, JSON.stringify(node.value)), " is kept as it is");
}

// --- several values ------------------------------------------------------------------------------------------------

function tokens(node, editor, ids, kind) {
  const chosen = values(node.value);
  const written = (list) => (list.length === 0 ? undefined : list.length === 1 ? list[0] : list);
  const put = (list, label, focus = "value") => editor.change(node, { value: written(list) }, { label, focus });

  const add = (value) => {
    if (!others([value], chosen).length) {
      combobox.input.value = combobox.text = "";
      return;
    }
    put([...chosen, value], `add ${value}`);
  };
  const takeTyped = (text, isLeft = false) => {
    const read = readLines(text, kind);
    if (read.includes(null)) {
      editor.problem(node, "Enter a number, like 1200 or 12.5.");
      return;
    }
    const fresh = others(read, chosen);
    editor.commas.set(
      node.id,
      fresh.filter((value) => /,./.test(value)),
    );
    if (fresh.length) put([...chosen, ...fresh], `add ${fresh.join(", ")}`, isLeft ? null : "value");
  };
  const combobox = new Combobox({
    id: ids.value,
    label: "Value",
    described: ids.described,
    placeholder: chosen.length ? "" : "Choose or type",
    options: (text) => editor.offers.values(node, text, chosen),
    choose: (option) => add(option.value),
    typed: takeTyped,
    key: (event) => {
      if (event.key !== "Backspace" || combobox.input.value || !chosen.length) return;
      event.preventDefault();
      element.querySelectorAll(".seg-token button")[chosen.length - 1].focus();
    },
  });
  combobox.input.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (!text.includes("\n")) return;
    event.preventDefault();
    takeTyped(text);
  });
  const drawn = chosen.map((value, place) => {
    const remove = () =>
      put(
        chosen.filter((_, other) => other !== place),
        `remove ${value}`,
      );
    return h(
      "li",
      { class: "seg-token" },
      h(
        "span",
        { class: "seg-token-text", dir: "auto" },
        typeof value === "number" && kind === "number" ? number(value) : String(value),
      ),
      h(
        "button",
        {
          type: "button",
          "aria-label": `Remove ${value}`,
          onclick: remove,
          onkeydown: (event) => {
            const buttons = [...element.querySelectorAll(".seg-token button")];
            if (event.key === "Backspace" || event.key === "Delete") remove();
            else if (event.key === "ArrowLeft") buttons[place - 1]?.focus();
            else if (event.key === "ArrowRight") (buttons[place + 1] ?? combobox.input).focus();
            else return;
            event.preventDefault();
          },
        },
        "×",
      ),
    );
  });
  const element = h(
    "div",
    { class: "seg-tokens" },
    drawn.length ? h("ul", { "aria-label": "Values" }, drawn) : null,
    combobox.element,
  );
  return element;
}

// --- one, or two ---------------------------------------------------------------------------------------------------

function single(node, editor, ids, kind, value, label, written, id = ids.value) {
  const put = (each, options) =>
    editor.change(node, { value: written(each) }, { label: "change the value", ...options });
  if (kind === "date") return date(editor, value, label, put, id, ids);
  const isNumber = kind === "number";
  return h("input", {
    id,
    type: "text",
    class: isNumber ? "seg-number" : "seg-text",
    "aria-label": label,
    "aria-describedby": ids.described,
    inputMode: isNumber ? "decimal" : "text",
    autocomplete: "off",
    dir: "auto",
    value: given(value) ? String(value) : "",
    oninput: (event) => {
      const text = event.target.value.trim();
      const read = !text ? undefined : isNumber ? readNumber(text) : text;
      if (read === null) editor.wrong(node, "Enter a number, like 1200 or 12.5.");
      else put(read, { typing: true });
    },
    onchange: (event) => {
      const read = isNumber ? readNumber(event.target.value) : null;
      if (read !== null) event.target.value = String(read); // as it was read
      editor.settle(node);
    },
  });
}

function date(editor, value, label, put, id, ids) {
  const text = given(value) ? String(value) : "";
  const zone = h("span", { class: "seg-zone" }, editor.words.choices.workspace.zone);
  if (text && !DAY.test(text) && !MOMENT.test(text)) {
    const field = h("input", {
      id,
      type: "text",
      class: "seg-text",
      value: text,
      "aria-label": label,
      "aria-describedby": ids.described,
      onchange: (event) => put(event.target.value.trim() || undefined),
    });
    return h("span", { class: "seg-date" }, field, zone);
  }
  const [day, time] = text.split("T");
  const both = () =>
    !dayField.value ? undefined : timeField?.value ? `${dayField.value}T${timeField.value}` : dayField.value;
  const dayField = h("input", {
    id,
    type: "date",
    value: day ?? "",
    "aria-label": label,
    "aria-describedby": ids.described,
    onchange: () => put(both()),
  });
  const timeField =
    time &&
    h("input", {
      type: "time",
      id: `${id}-time`,
      value: time,
      "aria-label": `${label}, time`,
      onchange: () => put(both()),
    });
  const add =
    !time && day
      ? h("button", { type: "button", class: "seg-link", onclick: () => put(`${day}T00:00`) }, "Add a time")
      : null;
  return h("span", { class: "seg-date" }, dayField, timeField ?? null, zone, add);
}

function ends(node, editor, ids, kind) {
  const [from, to] = values(node.value);
  const pair = (first, second) => (given(first) || given(second) ? [first ?? "", second ?? ""] : undefined);
  const now = () => values(editor.now(node).value);
  return h(
    "span",
    { class: "seg-ends" },
    single(node, editor, ids, kind, from, "From", (value) => pair(value, now()[1])),
    h("span", {}, "and"),
    single(node, editor, ids, kind, to, "To", (value) => pair(now()[0], value), `${ids.value}-to`),
    h("span", { class: "seg-note" }, "both included"),
  );
}

// --- periods and segments ------------------------------------------------------------------------------------------

function length(node, editor, ids) {
  const { amount, unit } = period(node.value) ?? { amount: "", unit: "days" };
  const put = (options) => {
    const read = amountField.value.trim() ? readNumber(amountField.value) : undefined;
    if (read === null || read < 0) editor.wrong(node, "Enter a number, like 30.");
    else
      editor.change(
        node,
        { value: read === undefined ? undefined : { amount: read, unit: unitField.value } },
        { label: "change the period", ...options },
      );
  };
  const amountField = h("input", {
    id: ids.value,
    type: "text",
    class: "seg-number",
    inputMode: "decimal",
    value: String(amount),
    autocomplete: "off",
    "aria-label": "Amount",
    "aria-describedby": ids.described,
    oninput: () => put({ typing: true }),
    onchange: () => editor.settle(node),
  });
  const units = Object.keys(editor.words.choices.units);
  const unitField = h(
    "select",
    { "aria-label": "Unit", id: `${ids.value}-unit`, onchange: () => put() },
    units.map((each) => h("option", { value: each, selected: each === unit }, each)),
  );
  return h(
    "span",
    { class: "seg-period" },
    amountField,
    unitField,
    node.operator === "more_than_ago" ? h("span", {}, "ago") : null,
  );
}

function segment(node, editor, ids) {
  const name = editor.words.segments.get(node.segment) ?? node.segment ?? "";
  return new Combobox({
    id: ids.value,
    label: "Segment",
    text: name,
    described: ids.described,
    placeholder: "Choose a segment",
    options: (text) => editor.offers.segmentsTold(text),
    choose: (option) =>
      editor.change(node, { segment: option.value }, { label: `choose ${option.label}`, focus: "value" }),
    typed: (text) => (text.trim() ? editor.problem(node, `There is no segment ${text}.`) : null),
  }).element;
}
