// What the import wizard does more with scripts: says at once that a file is too large, hides fields that do not
// concern a column, and lets the progress move. Without this the pages do the same, plainly.

// --- choosing a file

const upload = document.getElementById("upload");

function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`;
}

function watchUpload() {
  const field = upload.querySelector("[type=file]");
  const problem = document.getElementById("upload-problem");
  const state = document.getElementById("upload-state");
  const limit = Number(upload.dataset.limit);
  const tooLarge = () => {
    const [file] = field.files;
    const large = file && file.size > limit;
    problem.textContent = large
      ? `Error: ${file.name} has ${megabytes(file.size)}; a file can have ${megabytes(limit)}.`
      : "";
    field.setAttribute("aria-invalid", large ? "true" : "false");
    return large;
  };
  field.addEventListener("change", tooLarge);
  upload.addEventListener("submit", (event) => {
    const [file] = field.files;
    if (tooLarge() || state.textContent) event.preventDefault();
    else state.textContent = `Sending ${file.name}, ${megabytes(file.size)}. Keep this page open.`;
  });
  window.addEventListener("pageshow", () => (state.textContent = "")); // also when one comes back to it
}

// --- matching columns

const columns = document.getElementById("columns");
const byName = document.getElementById("unlisted"); // what is named may be there already
const KEYS = ["externalId", "email", "phone"];

// Which fields a column has, by where it goes, and of which type that is or shall be.
const SHOWN = {
  name: ({ target }) => target.endsWith("."),
  type: ({ target }) => target === "customProperties.",
  date: ({ kind, looksLikeDays }) => kind === "date" || (kind === "" && looksLikeDays),
  policy: ({ target, isKey }) => target !== "-" && !isKey && (target !== "customProperties." || byName), // nobody has one
};

function concerning(line) {
  const target = line.querySelector("[name^=target-]");
  const type = line.querySelector("[name^=type-]").value;
  const isNew = target.value === "customProperties.";
  return {
    target: target.value,
    kind: isNew ? type : (target.selectedOptions[0].dataset.kind ?? "text"),
    looksLikeDays: "days" in line.dataset,
    isKey: line.dataset.header === document.getElementById("key").value,
  };
}

function fit(line) {
  const about = concerning(line);
  for (const place of line.querySelectorAll("[data-for]")) {
    const shown = SHOWN[place.dataset.for](about);
    place.hidden = !shown;
    place.querySelector("input, select").disabled = !shown;
  }
  const policy = line.querySelector("[name^=policy-]");
  const append = policy.querySelector("[value=append]");
  append.disabled = !["list", ""].includes(about.kind);
  if (append.disabled && policy.value === "append") policy.value = "overwrite";
}

function nameIt(line) {
  const name = line.querySelector("[name^=name-]");
  if (!name.disabled && !name.value) name.value = line.dataset.header;
}

function watchColumns() {
  const lines = [...columns.querySelectorAll(".matching > li")];
  const key = document.getElementById("key");
  let moved = null; // the line whose target the key has changed, and what that was
  lines.forEach(fit);
  columns.addEventListener("change", (event) => {
    const line = event.target.closest(".matching > li");
    if (!line) return;
    fit(line);
    if (event.target.name.startsWith("target-")) nameIt(line);
  });
  key.addEventListener("change", () => {
    if (moved) moved.field.value = moved.was;
    moved = null;
    const line = lines.find((each) => each.dataset.header === key.value);
    const field = line?.querySelector("[name^=target-]");
    if (field && !KEYS.includes(field.value)) {
      moved = { field, was: field.value };
      field.value = "externalId";
    }
    lines.forEach(fit);
  });
  document.getElementById("problems")?.focus();
}

// --- how far it has come

const progress = document.getElementById("progress");
const EVERY = 700; // milliseconds
const TOLD = [25, 50, 75, 100];

function watchProgress() {
  const bar = progress.querySelector("progress");
  const words = document.getElementById("progress-words");
  const said = document.getElementById("progress-said");
  let told = 0;

  const show = (answer) => {
    words.textContent = answer.words;
    if (answer.rows) {
      bar.max = answer.rows;
      bar.value = answer.value;
    } else bar.removeAttribute("value");
    const reached = TOLD.filter((step) => step <= answer.percent).at(-1) ?? 0;
    if (reached > told) said.textContent = `${reached}%`;
    told = answer.rows ? reached : 0;
  };

  const tell = (news) => {
    if (words.textContent !== news) words.textContent = said.textContent = news;
  };

  const ask = async () => {
    if (document.hidden) return;
    try {
      const response = await fetch(progress.dataset.address, { headers: { Accept: "application/json" } });
      if (response.redirected || response.status === 403) {
        tell("You are signed out. The import goes on; sign in to see how far it has come.");
        return window.clearInterval(timer);
      }
      if (!response.ok) return;
      const answer = await response.json();
      if (answer.going && new URL(answer.address, location).pathname === location.pathname) return show(answer);
      window.clearInterval(timer);
      location.replace(answer.address);
    } catch {
      tell("Not connected. The import goes on; this page goes on when it is connected again.");
    }
  };

  const timer = window.setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
}

if (upload) watchUpload();
if (columns) watchColumns();
if (progress) watchProgress();
