// Name what the admin's own templates leave without a name for people who do not see the page.

function name() {
  for (const header of document.querySelectorAll("th.original:empty")) {
    const words = document.createElement("span");
    words.className = "visually-hidden";
    words.textContent = "Which one";
    header.append(words);
  }
  for (const field of document.querySelectorAll(".select2-selection[role=combobox]:not([aria-label])")) {
    const select = field.closest(".select2-container")?.previousElementSibling;
    const label =
      select?.labels?.[0]?.textContent.trim().replace(/:$/, "") ||
      select?.closest("td")?.className.replace("field-", "");
    if (!label) continue;
    field.setAttribute("aria-label", label);
    field.removeAttribute("aria-labelledby");
    field.querySelector("[role=textbox]")?.setAttribute("aria-label", label);
  }
  for (const [part, word] of [
    [".vDateField", "date"],
    [".vTimeField", "time"],
  ]) {
    for (const field of document.querySelectorAll(`.datetime ${part}:not([aria-label])`)) {
      field.setAttribute(
        "aria-label",
        `${field.name.replace(/^.*-/, "").replace(/_\d$/, "").replaceAll("_", " ")}, ${word}`,
      );
    }
  }
}

name();
new MutationObserver(name).observe(document.querySelector("main") ?? document.body, { childList: true, subtree: true });
