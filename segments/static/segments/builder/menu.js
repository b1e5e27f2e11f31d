// A button that opens a list of things to do with a row or a group.

import { h, placeUnder, uid } from "./dom.js";

export function menuButton(name, items, keys, id) {
  let menu = null;
  const close = (focus = true) => {
    if (!menu) return;
    const closing = menu;
    menu = null;
    closing.remove();
    button.setAttribute("aria-expanded", "false");
    button.removeAttribute("aria-controls");
    if (focus) button.focus();
  };
  const open = () => {
    const buttons = items().map(([label, action]) =>
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            close(false);
            action();
          },
        },
        label,
      ),
    );
    const step = (event) => {
      const place = buttons.indexOf(document.activeElement);
      const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (event.key === "Escape") {
        event.stopPropagation();
        close();
      } else if (to !== undefined) buttons.at(to % buttons.length).focus();
      else return;
      event.preventDefault();
    };
    menu = h("div", { class: "seg-menu", id: uid("menu"), popover: "auto", onkeydown: step }, buttons);
    menu.addEventListener(
      "toggle",
      (event) => event.newState === "closed" && menu && close(menu.contains(document.activeElement)),
    );
    button.after(menu);
    menu.showPopover();
    placeUnder(menu, button);
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", menu.id);
    buttons[0].focus();
  };
  const button = h(
    "button",
    {
      type: "button",
      class: "seg-more",
      id,
      "aria-expanded": "false",
      "aria-label": name,
      title: name,
      onclick: () => (menu ? close() : open()),
      onkeydown: keys,
    },
    "⋮",
  );
  return button;
}
