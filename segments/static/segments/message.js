// Show the message anew while somebody types, one person at a time. Without this the page does so on Show.

const form = document.getElementById("message");
const text = document.getElementById("text");
const shown = document.getElementById("shown");
const state = document.getElementById("state");
const PAUSE = 250; // milliseconds without a key

let current = 0;
let waiting = 0;
let running = null;

function button(words, properties, pressed) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: words, ...properties });
  made.addEventListener("click", pressed);
  return made;
}

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
  const which = document.createElement("span");
  which.setAttribute("role", "status");
  const show = () => {
    people.forEach((person, place) => (person.hidden = place !== current));
    which.textContent = `${current + 1} of ${people.length}`;
  };
  const turn = (step) => () => {
    current = (current + step + people.length) % people.length;
    show();
  };
  const [before, after] = [button("‹", { className: "button", ariaLabel: "Previous person" }, turn(-1)),
    button("›", { className: "button", ariaLabel: "Next person" }, turn(1))];
  const turning = document.createElement("p");
  turning.className = "turning";
  turning.append(before, which, after);
  line.after(turning);
  show();
}

function suggestions() {
  for (const place of shown.querySelectorAll(".nearest")) {
    const { at, end, name } = place.dataset;
    // Python counts whole characters, the field counts their halves.
    const [start, stop] = [at, end].map((count) => [...text.value].slice(0, Number(count)).join("").length);
    place.replaceWith(button(name, { className: "as-link", ariaLabel: `Use ${name}` }, () => {
      const wrong = text.value.slice(start, stop);
      const bar = wrong.indexOf("|");
      type(`{{${name}${bar < 0 ? "}}" : wrong.slice(bar)}`, start, stop);
    }));
  }
}

function upgrade() {
  pager();
  suggestions();
}

// --- asking

async function ask() {
  window.clearTimeout(waiting);
  running?.abort();
  const mine = (running = new AbortController());
  const slow = window.setTimeout(() => (state.textContent = "Filling it in…"), 1000);
  const focused = shown.contains(document.activeElement) && document.activeElement.ariaLabel;
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch("", { method: "POST", body, headers: { Accept: "text/vnd.fragment" }, signal: mine.signal });
    if (response.redirected || response.status === 403) throw new Error("You are signed out. Sign in in another tab, then press Show.");
    if (!response.ok) throw new Error("Could not fill it in just now. Below is the message before your last change.");
    const html = await response.text();
    if (mine.signal.aborted) return;
    shown.innerHTML = html;
    upgrade();
    state.textContent = "";
    if (focused) shown.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  } catch (error) {
    if (error.name === "AbortError") return;
    state.textContent = error instanceof TypeError ? "Not connected. What you typed is kept on this page." : error.message;
  } finally {
    window.clearTimeout(slow);
  }
}

text.addEventListener("input", () => {
  running?.abort();
  window.clearTimeout(waiting);
  waiting = window.setTimeout(ask, PAUSE);
});
document.getElementById("html").addEventListener("change", ask);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
for (const name of document.querySelectorAll(".names code")) {
  name.replaceWith(button(name.textContent, { className: "as-link" }, () => type(name.textContent, text.selectionStart, text.selectionEnd)));
}
upgrade();
if (text.value !== text.defaultValue) ask(); // the browser brought back what was typed before
