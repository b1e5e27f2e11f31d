// Show the message anew while somebody types, one person at a time. Without this the page does so on Show.

import { h } from "./builder/dom.js";
import { asking } from "./fragment.js";

const form = document.getElementById("message");
const text = document.getElementById("text");
const shown = document.getElementById("shown");
const state = document.getElementById("state");
const PAUSE = 250; // milliseconds without a key

let current = 0;
let focused = null; // what is shown anew takes it back by its label

// As typing does it: the browser's own undo takes it back.
function type(words, start, end) {
  text.focus();
  text.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, words)) {
    text.setRangeText(words, start, end, "end");
    ask();
  }
}

// --- what is shown

function pager() {
  const people = [...shown.querySelectorAll("article")];
  const line = shown.querySelector("#who-else");
  if (!people.length) return;
  current = Math.min(current, people.length - 1);
  const which = h("span", { role: "status" });
  const show = () => {
    for (const [place, person] of people.entries()) person.hidden = place !== current;
    which.textContent = `${current + 1} of ${people.length}`;
  };
  const turn = (step) => () => {
    current = (current + step + people.length) % people.length;
    show();
  };
  line.after(
    h(
      "p",
      { class: "turning" },
      h("button", { type: "button", class: "button", "aria-label": "Previous person", onclick: turn(-1) }, "‹"),
      which,
      h("button", { type: "button", class: "button", "aria-label": "Next person", onclick: turn(1) }, "›"),
    ),
  );
  show();
}

function suggestions() {
  for (const place of shown.querySelectorAll(".nearest")) {
    const { at, end, name } = place.dataset;
    // Python counts whole characters, the field counts their halves.
    const [start, stop] = [at, end].map((count) => [...text.value].slice(0, Number(count)).join("").length);
    const use = () => {
      const wrong = text.value.slice(start, stop);
      const bar = wrong.indexOf("|");
      type(`{{${name}${bar < 0 ? "}}" : wrong.slice(bar)}`, start, stop);
    };
    place.replaceWith(
      h("button", { type: "button", class: "as-link", "aria-label": `Use ${name}`, onclick: use }, name),
    );
  }
}

function upgrade() {
  pager();
  suggestions();
}

// --- asking

const { ask, later } = asking({
  shown,
  state,
  pause: PAUSE,
  words: {
    slow: "Filling it in…",
    signedOut: "You are signed out. Sign in in another tab, then press Show.",
    failed: "Could not fill it in just now. Below is the message before your last change.",
  },
  request: () => {
    focused = shown.contains(document.activeElement) && document.activeElement.ariaLabel;
    return ["", { method: "POST", body: new URLSearchParams(new FormData(form)) }];
  },
  drawn: () => {
    upgrade();
    if (focused) shown.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  },
});

text.addEventListener("input", later);
document.getElementById("html").addEventListener("change", ask);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
for (const name of document.querySelectorAll(".names code")) {
  const put = () => type(name.textContent, text.selectionStart, text.selectionEnd);
  name.replaceWith(h("button", { type: "button", class: "as-link", onclick: put }, name.textContent));
}
upgrade();
if (text.value !== text.defaultValue) ask(); // the browser brought back what was typed before
