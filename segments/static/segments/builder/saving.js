// Save without leaving the page: what is asked is asked in a dialog, what is wrong stands where it is wrong, and what
// was typed stays, whatever happens.

import { Combobox } from "./combobox.js";
import { h, uid } from "./dom.js";
import { answer, SIGNED_OUT, token } from "./server.js";
import { write } from "./tree.js";

export class Saving {
  constructor({ form, editor, live, textarea, draft }) {
    Object.assign(this, { form, editor, live, textarea, draft });
    this.fields = [...form.querySelectorAll("#id_name, #id_description, #id_workspace")];
    this.title = document.title;
    this.untouched = textarea.value;
    this.summary = h("div", { class: "seg-summary", tabIndex: -1, hidden: true });
    this.unsaved = h("span", { class: "seg-unsaved" });
    this.discard = h(
      "button",
      { type: "button", class: "seg-link", hidden: true, onclick: () => this.discarded() },
      "Discard",
    );
    this.bar = form.querySelector("#saving");
    this.bar.append(this.unsaved, this.discard);
    form.before(this.summary);
    this.ending = new AbortController();
    const { signal } = this.ending;
    form.addEventListener("submit", (event) => this.submitted(event), { signal });
    form.addEventListener("input", () => this.show(), { signal });
    window.addEventListener("beforeunload", (event) => this.isDirty && !this.isLeaving && event.preventDefault(), {
      signal,
    });
  }

  retire() {
    this.ending.abort();
    for (const each of [this.summary, this.unsaved, this.discard]) each.remove();
  }

  get typed() {
    return this.fields.filter((field) => field.value !== initial(field)).length;
  }

  get changes() {
    return this.editor.history.changes + this.typed;
  }

  get isDirty() {
    return this.changes > 0;
  }

  show() {
    const { changes } = this;
    this.unsaved.textContent = changes ? `Unsaved: ${changes === 1 ? "1 change" : `${changes} changes`}` : "";
    this.discard.hidden = !this.editor.history.changes;
    this.bar.classList.toggle("seg-dirty", changes > 0);
    document.title = changes ? `• ${this.title}` : this.title;
    if (changes) this.draft.keep(write(this.editor.root), this.fields);
    else this.draft.drop();
  }

  discarded() {
    this.editor.discard();
    document.getElementById("seg-undo").focus();
  }

  // The rule goes into the text field only where it was changed: what a client once sent is echoed until then.
  fill(places) {
    const rule = write(this.editor.root, places);
    const changed = rule === null ? "" : JSON.stringify({ version: 1, rule });
    this.textarea.value = this.editor.root === this.editor.history.saved ? this.untouched : changed;
  }

  async submitted(event, more = {}) {
    event?.preventDefault();
    if (this.isSaving) return;
    Combobox.flush();
    this.settled();
    const button = event?.submitter?.name ?? this.button ?? "_continue";
    this.button = button;
    const waiting = this.editor.waiting;
    if (waiting.length) {
      for (const { node, todo } of waiting) this.editor.problem(node, `${todo}.`);
      this.summarise(
        waiting.map(({ node, place, todo }) => ({
          text: `Condition ${place}: ${todo.toLowerCase()}`,
          go: () => this.editor.rows.focus(node.id, this.missing(node)),
        })),
      );
      return;
    }
    const places = new Map();
    this.fill(places);
    if (this.form.querySelector("[name=_popup]")) {
      this.isLeaving = true; // the window that opened this one waits for the page that comes back
      this.form.append(h("input", { type: "hidden", name: button, value: "1" }));
      HTMLFormElement.prototype.submit.call(this.form);
      return;
    }
    const body = new FormData(this.form);
    body.set("csrfmiddlewaretoken", token());
    body.set(button, "1");
    for (const [name, value] of Object.entries(more)) body.set(name, value);
    this.isSaving = true;
    try {
      const { location } = await answer(
        await fetch(this.form.action || window.location.href, {
          method: "POST",
          body,
          headers: { Accept: "application/json" },
        }),
      );
      this.isLeaving = true;
      this.draft.drop();
      window.location.assign(location);
    } catch (error) {
      this.isSaving = false;
      this.refused(error, places);
    }
  }

  missing(node) {
    if (node.kind === "segment") return "value";
    return node.property ? (node.operator ? "value" : "operator") : "property";
  }

  refused(error, places) {
    const { body = {}, status } = error;
    if (status === 409 && body.question) {
      this.ask(body.question);
    } else if (status === 400 && body.errors) {
      if (body.elsewhere) {
        this.isLeaving = true; // something else on the page is wrong: the server draws it all
        HTMLFormElement.prototype.submit.call(this.form);
        return;
      }
      this.told(body, places);
    } else {
      const words =
        status === 401
          ? SIGNED_OUT
          : `${error.name === "TypeError" ? "Not connected." : error.message} Your changes are kept on this page.`;
      this.summarise([{ text: words }], "Not saved");
      this.live.warn(words);
    }
  }

  told(body, places) {
    const problems = body.problems.filter((each) => each.path !== "name");
    const elsewhere = this.editor.answered(places, { problems });
    const lines = elsewhere.map((text) => ({ text }));
    for (const [field, messages] of Object.entries(body.errors)) {
      if (field === "rule" && body.problems.length) continue;
      const input = document.getElementById(`id_${field}`);
      lines.push(...messages.map((text) => ({ text, go: input && (() => input.focus()) })));
    }
    let place = 0;
    for (const row of this.editor.rows.rows.values()) {
      place += 1;
      const text = this.editor.problems.get(row.node.id);
      if (text)
        lines.push({ text: `Condition ${place}: ${text}`, go: () => this.editor.rows.focus(row.node.id, "property") });
    }
    for (const [id, text] of this.editor.problems) {
      if (!this.editor.rows.rows.has(id)) lines.push({ text, go: () => this.editor.rows.focus(id, "more") });
    }
    this.summarise(lines);
  }

  summarise(lines, title = "There is a problem") {
    const count = lines.length === 1 ? "this" : `${lines.length} things`;
    this.summary.hidden = false;
    this.summary.replaceChildren(
      h("h2", {}, title),
      lines.some((line) => line.go) ? h("p", {}, `To save this segment, change ${count}:`) : "",
      h(
        "ul",
        {},
        lines.map(({ text, go }) =>
          h("li", {}, go ? h("button", { type: "button", class: "seg-link", onclick: go }, text) : text),
        ),
      ),
    );
    this.summary.focus();
  }

  settled() {
    this.summary.hidden = true;
    this.summary.replaceChildren();
  }

  ask(question) {
    const title = uid("question");
    const opener = document.activeElement;
    const done = (then = null) => {
      dialog.close();
      dialog.remove();
      if (then) then();
      else if (opener?.isConnected) opener.focus();
    };
    const yes = () => {
      if (question.seen) this.form.querySelector("[name=seen]").value = question.seen;
      this.submitted(null, { confirmed: question.kind });
    };
    const keep = h("button", { type: "button", class: "button default", onclick: () => done() }, question.no);
    const theirs = question.theirs
      ? h(
          "button",
          {
            type: "button",
            class: "button",
            onclick: () => {
              this.isLeaving = true;
              window.location.reload();
            },
          },
          question.theirs,
        )
      : null;
    const dialog = h(
      "dialog",
      {
        class: "seg-dialog",
        role: "alertdialog",
        "aria-labelledby": title,
        oncancel: (event) => {
          event.preventDefault();
          done();
        },
      },
      h("h2", { id: title }, question.title),
      question.sides.map(side),
      question.lines.map((line) => h("p", {}, line)),
      question.some.map(some),
      h(
        "div",
        { class: "seg-choices" },
        keep,
        h("button", { type: "button", class: "button", onclick: () => done(yes) }, question.yes),
        theirs,
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    keep.focus();
  }
}

// One of two rules to choose between, with the words in which it differs marked.
function side({ whose, says, people }) {
  const words = says.flatMap(([text, differs]) => [differs ? h("mark", {}, text) : text, " "]);
  return h("p", { class: "side" }, h("strong", {}, `${whose}:`), " ", words, h("strong", {}, `${people}.`));
}

function some({ title, people }) {
  const links = people.map(({ name, page }) =>
    h("li", { dir: "auto" }, h("a", { href: page, target: "_blank", "aria-label": `${name} (opens a new tab)` }, name)),
  );
  return h("details", { class: "some" }, h("summary", {}, title), h("ul", {}, links));
}

function initial(field) {
  if (field.tagName === "SELECT")
    return [...field.options].find((option) => option.defaultSelected)?.value ?? field.options[0]?.value ?? "";
  return field.defaultValue;
}
