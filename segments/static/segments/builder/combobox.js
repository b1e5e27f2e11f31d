// A text field that offers choices beneath it: keyboard first, the list in the top layer, what is typed never lost.

import { h, placeUnder, uid } from "./dom.js";

const WAIT = 150; // milliseconds after the last key

let pointerIsDown = false;
document.addEventListener("pointerdown", () => (pointerIsDown = true), true);
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (pointerIsDown = false), true);

export class Combobox {
  // `options(text)` gives, now or later, {label, detail, group, value}; `choose(option)` takes one; `typed(text)` is
  // told what stands in the field when it is left or Enter is pressed on no option.
  constructor({ id, label, text = "", options, choose, typed, key = null, placeholder = "", described = null }) {
    Object.assign(this, { options, choose, typed, key, text });
    this.active = -1;
    this.shown = [];
    this.asked = 0;
    this.input = h("input", {
      id,
      type: "text",
      class: "seg-combobox",
      role: "combobox",
      autocomplete: "off",
      value: text,
      placeholder,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-label": label,
      "aria-describedby": described,
      oninput: () => this.later(),
      onkeydown: (event) => this.pressed(event),
      onclick: () => (this.isOpen ? null : this.open()),
      onblur: () => this.left(),
    });
    this.input.combobox = this;
    this.element = h("div", { class: "seg-combo" }, this.input);
  }

  get isOpen() {
    return Boolean(this.list);
  }

  later() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.open(this.input.value), WAIT);
  }

  async open(text = "") {
    const asked = ++this.asked;
    let found;
    try {
      found = await this.options(text);
    } catch {
      found = [];
    }
    if (asked !== this.asked || document.activeElement !== this.input) return;
    this.draw(found);
  }

  draw(found) {
    this.shown = found.filter((option) => !option.unavailable);
    if (!found.length) {
      this.close();
      return;
    }
    if (!this.list) {
      this.list = h("div", {
        class: "seg-list",
        role: "listbox",
        id: uid("list"),
        popover: "manual",
        "aria-label": this.input.getAttribute("aria-label"),
      });
      this.element.append(this.list);
      this.list.showPopover();
      this.input.setAttribute("aria-controls", this.list.id);
      this.input.setAttribute("aria-expanded", "true");
      this.follow = () => placeUnder(this.list, this.input);
      window.addEventListener("scroll", this.follow, true);
      window.addEventListener("resize", this.follow);
    }
    this.list.replaceChildren(...this.groups(found));
    placeUnder(this.list, this.input);
    this.activate(this.input.value && this.input.value !== this.text && this.shown.length ? 0 : -1);
  }

  groups(found) {
    const groups = new Map();
    for (const option of found) {
      if (!groups.has(option.group ?? "")) groups.set(option.group ?? "", []);
      groups.get(option.group ?? "").push(this.drawn(option));
    }
    return [...groups].map(([name, options]) => {
      if (!name) return h("div", { role: "presentation" }, options);
      const title = uid("title");
      return h(
        "div",
        { role: "group", "aria-labelledby": title },
        h("div", { class: "seg-title", id: title, role: "presentation" }, name),
        options,
      );
    });
  }

  drawn(option) {
    const place = this.shown.indexOf(option);
    option.element = h(
      "div",
      {
        role: "option",
        id: uid("option"),
        class: "seg-option",
        "aria-selected": "false",
        "aria-disabled": option.unavailable ? "true" : null,
        onmousedown: (event) => event.preventDefault(), // the field keeps the focus
        onclick: () => (place < 0 ? null : this.take(option)),
        onmousemove: () => (place < 0 || this.active === place ? null : this.activate(place, false)),
      },
      h("span", {}, option.label),
      option.detail ? h("span", { class: "seg-detail" }, ` ${option.detail}`) : null,
      option.words ? h("span", { class: "seg-words", dir: "auto" }, ` ${option.words}`) : null,
    );
    return option.element;
  }

  activate(place, scroll = true) {
    this.shown[this.active]?.element.setAttribute("aria-selected", "false");
    this.active = place;
    const option = this.shown[place];
    if (!option) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    option.element.setAttribute("aria-selected", "true");
    this.input.setAttribute("aria-activedescendant", option.element.id);
    if (scroll) option.element.scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!this.isOpen) {
        this.open(this.input.value === this.text ? "" : this.input.value);
        return;
      }
      const step = key === "ArrowDown" ? 1 : -1;
      const count = this.shown.length;
      if (count) this.activate(this.active < 0 ? (step > 0 ? 0 : count - 1) : (this.active + step + count) % count);
    } else if (key === "Enter") {
      event.preventDefault();
      window.clearTimeout(this.timer);
      if (this.isOpen && this.shown[this.active]) this.take(this.shown[this.active]);
      else this.commit();
    } else if (key === "Escape") {
      if (this.isOpen) this.close();
      else this.input.value = this.text;
      event.preventDefault();
    } else {
      this.key?.(event);
    }
  }

  take(option) {
    this.close();
    this.asked += 1;
    this.input.value = option.text ?? option.label;
    this.text = this.input.value;
    this.choose(option);
  }

  commit(isLeft = false) {
    this.close();
    this.asked += 1;
    if (this.input.value !== this.text) {
      this.text = this.input.value;
      this.typed(this.input.value, isLeft);
    }
  }

  // What was typed is taken once the focus has arrived elsewhere, and a click has done what it was for: taking it
  // redraws the row, and what is about to be focused or clicked would be gone.
  left() {
    window.clearTimeout(this.timer);
    this.close();
    this.asked += 1;
    Combobox.pending = this;
    if (pointerIsDown) document.addEventListener("pointerup", () => window.setTimeout(Combobox.flush), { once: true });
    else window.setTimeout(Combobox.flush);
  }

  static pending = null;

  static flush() {
    const { pending } = Combobox;
    Combobox.pending = null;
    pending?.commit(true);
  }

  close() {
    if (!this.list) return;
    window.removeEventListener("scroll", this.follow, true);
    window.removeEventListener("resize", this.follow);
    this.list.remove();
    this.list = null;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-controls");
    this.input.removeAttribute("aria-activedescendant");
  }
}
