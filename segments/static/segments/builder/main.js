// The rule builder on a segment's page, in place of the text field that is there without it.

import { h, Live } from "./dom.js";
import { KeptDraft } from "./draft.js";
import { Editor } from "./editor.js";
import { Panel } from "./panel.js";
import { Saving } from "./saving.js";
import { NOT_CONNECTED, Server } from "./server.js";
import { Starters } from "./starters.js";
import { Words } from "./words.js";

const data = JSON.parse(document.getElementById("builder-data").textContent);
const textarea = document.getElementById("id_rule");
const form = textarea.form;
const live = new Live(document.querySelector("main"));

function startsFrom() {
  const text = textarea.value.trim();
  if (!text) return null;
  const document_ = JSON.parse(text);
  return "version" in document_ ? document_.rule : document_;
}

async function start(workspace) {
  const server = new Server(`${data.live}${workspace}/`);
  const words = new Words(data.choices ?? (await server.get("choose", { segment: data.segment ?? "" })));
  const host = h("div", { class: "seg-rule" });
  const notice = h("p", { class: "seg-notice" });
  const { segment, contacts, importing } = data;
  const editor = new Editor({
    json: startsFrom(),
    segment,
    words,
    server,
    live,
    element: host,
    notice,
    changed: (how) => changed(how),
  });
  const banner = h("p", { class: "seg-trouble", hidden: true });
  const trouble = (said) => {
    banner.textContent = said;
    banner.hidden = !said;
  };
  const panel = new Panel({ editor, server, live, segment, contacts, importing, trouble });
  const starters = new Starters(editor);
  const draft = new KeptDraft(segment ?? workspace, form.querySelector("[name=seen]")?.value);
  const saving = new Saving({ form, editor, live, textarea, draft });
  const undo = h(
    "button",
    { type: "button", class: "seg-small", id: "seg-undo", onclick: () => editor.step("undo") },
    "Undo",
  );
  const redo = h(
    "button",
    { type: "button", class: "seg-small", id: "seg-redo", onclick: () => editor.step("redo") },
    "Redo",
  );

  function buttons() {
    for (const [button, word, steps] of [
      [undo, "Undo", editor.history.past],
      [redo, "Redo", editor.history.future],
    ]) {
      const label = steps.at(-1)?.label;
      button.setAttribute("aria-disabled", String(!label));
      button.setAttribute("aria-label", label ? `${word}: ${label}` : `${word}: nothing to ${word.toLowerCase()}`);
      button.title = label ? `${word}: ${label}` : "";
    }
  }
  function changed(how) {
    buttons();
    starters.show();
    if (!editor.waiting.length) saving.settled();
    saving.show();
    return panel.changed(how);
  }

  const main = h(
    "div",
    { class: "seg-main" },
    h("div", { class: "seg-tools" }, h("h2", { id: "seg-title" }, "Rule"), undo, redo),
    notice,
    starters.element,
    host,
    keyboardHelp(),
  );
  const builder = h(
    "section",
    { class: "seg-builder", "aria-labelledby": "seg-title" },
    banner,
    h("div", { class: "seg-columns" }, main, panel.element),
  );
  textarea.closest("fieldset").after(builder);
  document.body.classList.add("with-builder");
  builder.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const inText = event.target.matches("input[type=text], input[type=date], input[type=time], textarea");
    const key = event.key.toLowerCase();
    if (inText || !["z", "y"].includes(key)) return;
    event.preventDefault();
    editor.step(key === "y" || event.shiftKey ? "redo" : "undo");
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s" || event.altKey) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("[name=_continue]"));
  });
  editor.rows.draw();
  const offer = draft.offer((kept) => {
    for (const [id, value] of Object.entries(kept.fields)) document.getElementById(id).value = value;
    editor.replace(kept.rule, "use the changes from before");
    saving.show();
  });
  if (offer) builder.prepend(offer);
  const ended = new AbortController();
  window.addEventListener("offline", () => trouble(NOT_CONNECTED), { signal: ended.signal });
  window.addEventListener("online", () => panel.changed({ typing: false }), { signal: ended.signal });
  changed({ typing: false });
  const retire = () => {
    ended.abort();
    builder.remove();
    saving.retire();
  };
  return { retire };
}

const KEYS = [
  ["Ctrl or ⌘ + S", "save"],
  ["Ctrl or ⌘ + Z, with Shift", "undo, redo, where the cursor is in no text"],
  ["↓ in a field with a list", "open the list; Enter takes, Esc closes, Esc again restores"],
  ["Backspace in an empty value field", "go to the last value; again removes it"],
  ["Alt + ↑ or ↓ on ⋮", "move the condition or group"],
  ["Delete on ⋮", "remove it"],
];

function keyboardHelp() {
  const rows = KEYS.map(([keys, does]) => h("div", {}, h("dt", {}, keys), h("dd", {}, does)));
  return h("details", { class: "seg-keys" }, h("summary", {}, "Keyboard"), h("dl", {}, rows));
}

// A new segment's workspace is chosen first; another one has other properties, so the rule starts again.
function begin() {
  const select = document.getElementById("id_workspace");
  const only = select && [...select.options].filter((option) => option.value);
  if (select && !select.value && only.length === 1) select.value = only[0].value;
  const workspace = data.workspace ?? select?.value;
  const place = h("p", { class: "seg-quiet" }, "Choose a workspace, then build the rule here.");
  let current = null;
  const run = async (id) => {
    if (!id) {
      textarea.closest("fieldset").after(place);
      document.body.classList.add("with-builder");
      return;
    }
    place.remove();
    const before = current;
    current = await start(id);
    before?.retire();
  };
  select?.addEventListener("change", () => run(select.value).catch(fallBack));
  run(workspace).catch(fallBack);
  // Django's own script goes to the first field, which is settled here.
  if (!data.segment && workspace)
    window.addEventListener(
      "load",
      () => document.activeElement === select && document.getElementById("id_name").focus(),
    );
}

// What the builder cannot open stays in the text field, which can hold anything.
function fallBack(error) {
  document.body.classList.remove("with-builder");
  textarea.closest("fieldset").before(h("p", { class: "errornote" }, `The rule is shown as text: ${error.message}`));
}

begin();
