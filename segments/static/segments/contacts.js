// Show the list of contacts anew while somebody types, and count whom they choose. Without this both happen on a button.

import { asking } from "./fragment.js";

const form = document.getElementById("contact-search");
const shown = document.getElementById("shown");
const state = document.getElementById("state");
const PAUSE = 200; // milliseconds without a key

// --- choosing

function count(boxes, all) {
  const chosen = boxes.filter((box) => box.checked).length;
  all.checked = chosen === boxes.length;
  all.indeterminate = chosen > 0 && !all.checked;
  shown.querySelector("#chosen").textContent = chosen ? `${chosen} chosen` : "";
  const pin = shown.querySelector("#pin-chosen");
  if (pin) pin.textContent = chosen ? `Add ${chosen} chosen to a segment…` : "Add chosen to a segment…";
}

function choosing() {
  const place = shown.querySelector("thead .choosing");
  const boxes = [...shown.querySelectorAll("tbody .choosing input")];
  if (!place || !boxes.length) return;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.ariaLabel = "Choose everybody on this page";
  place.append(all);
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count(boxes, all);
  });
  for (const box of boxes) box.addEventListener("change", () => count(boxes, all));
  count(boxes, all); // the browser may have brought back what was ticked before
}

// --- asking

function query() {
  const fields = [...new FormData(form)].filter(([, value]) => value);
  return new URLSearchParams(fields).toString();
}

const { ask, later } = asking({
  shown,
  state,
  pause: PAUSE,
  words: {
    slow: "Searching…",
    signedOut: "You are signed out. Sign in in another tab, then press Search.",
    failed: "Could not search just now. Below is the list from before.",
  },
  request: () => [`?${query()}`],
  drawn: (address) => {
    window.history.replaceState(null, "", address);
    choosing();
  },
});

if (form) {
  form.elements.q.addEventListener("input", later);
  form.addEventListener("submit", (event) => {
    if (event.submitter?.closest(".searching:has(select)")) return; // another workspace, which has other segments
    event.preventDefault();
    ask();
  });
  choosing();
}
