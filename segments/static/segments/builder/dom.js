// Make elements, and say things in the way that all parts of the page share.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && !name.includes("-") && name !== "list" && name !== "role") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const hidden = (text) => h("span", { class: "visually-hidden" }, text);

let last = 0;
export const uid = (word) => `seg-${word}-${++last}`;

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
export const number = (value) => grouped.format(value);

const rounded = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
export const about = (value) => (Number.isInteger(value) ? number(value) : rounded.format(value));
export const signed = (value) => (value < 0 ? `−${number(-value)}` : `+${number(value)}`);
export const people = (count) => (count === 1 ? "1 person" : `${number(count)} people`);

// Rounding must not make a few people none, or nearly everybody everybody.
export function share(part, whole) {
  if (!whole || part === 0) return "0%";
  if (part === whole) return "100%";
  const percent = (100 * part) / whole;
  if (percent < 0.1) return "<0.1%";
  if (percent > 99.9) return ">99.9%";
  return `${percent.toFixed(1)}%`;
}

export function listed(words, joiner = "or") {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${joiner} ${words.at(-1)}`;
}

// Beneath an element, in the top layer, inside the window.
export function placeUnder(popover, anchor) {
  const at = anchor.getBoundingClientRect();
  popover.style.minWidth = `${Math.min(at.width, window.innerWidth - 16)}px`;
  const height = popover.offsetHeight;
  const below = window.innerHeight - at.bottom - 8;
  const top = below >= height || below >= at.top ? at.bottom + 2 : at.top - height - 2;
  popover.style.top = `${Math.max(4, top)}px`;
  popover.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - popover.offsetWidth - 8))}px`;
}

export class Live {
  // Two regions that are in the page from the start; emptied, then set, so that the same words are said again.
  constructor(parent) {
    this.status = h("p", { class: "visually-hidden", role: "status" });
    this.alert = h("p", { class: "visually-hidden", role: "alert" });
    parent.append(this.status, this.alert);
  }

  say(text, region = this.status) {
    region.textContent = "";
    window.setTimeout(() => (region.textContent = text), 50);
  }

  warn(text) {
    this.say(text, this.alert);
  }
}
