// A Copy button beside each field that is there to be copied, and a question before leaving what was not.

let unsafe = false;

async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // on plain http there is no clipboard to write to
  }
}

for (const place of document.querySelectorAll(".copying")) {
  const field = place.querySelector("input, textarea");
  const button = document.createElement("button");
  const said = document.createElement("span");
  button.type = "button";
  button.className = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${place.querySelector("label").textContent}`);
  said.setAttribute("role", "status");
  const done = () => {
    said.textContent = "Copied";
    unsafe = unsafe && !("copyBeforeLeaving" in place.dataset);
  };
  unsafe ||= "copyBeforeLeaving" in place.dataset;
  button.addEventListener("click", () => copy(field).then(done));
  field.addEventListener("copy", done);
  field.addEventListener("focus", () => field.select());
  place.append(button, said);
}

window.addEventListener("beforeunload", (event) => {
  if (unsafe) event.preventDefault();
});
