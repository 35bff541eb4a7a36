// What a phone lays over the mini program: toasts, questions, the cashier's sheet.

import { h } from "../dom.js";
import { t } from "../texts.js";

const TOAST_MS = 2200;

const dismissers = new WeakMap();

/** Answers whatever is open over the mini program with "no", as walking away from it does. */
export function dismissLayer(overlay) {
  dismissers.get(overlay)?.();
}

/** A layer that takes the keyboard while it is open; `close` gives the focus back. */
export function openLayer(overlay, node, onEscape) {
  const before = document.activeElement;
  const mini = document.getElementById("mini");
  const layer = h("div", { class: "layer" }, node);
  layer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onEscape();
    }
  });
  mini.inert = true;
  overlay.replaceChildren(layer);
  dismissers.set(overlay, onEscape);
  (node.querySelector("[data-focus]") ?? node).focus();
  return function close() {
    layer.remove();
    dismissers.delete(overlay);
    mini.inert = false;
    if (before?.isConnected) before.focus();
  };
}

/** wx.showToast: `{title, icon, duration}`. */
export function toaster(place) {
  let timer = 0;
  return function toast({ title, icon = "success", duration = TOAST_MS }) {
    clearTimeout(timer);
    place.replaceChildren(h("p", { class: `toast toast-${icon}`, testid: "toast" }, title));
    timer = setTimeout(() => place.replaceChildren(), duration);
  };
}

/** wx.showModal: answers `{confirm, cancel}`. */
export function modalOpener(overlay) {
  return function modal({ title = "", content = "", confirmText = t("confirm") }) {
    return new Promise((resolve) => {
      const answer = (confirm) => {
        close();
        resolve({ errMsg: "showModal:ok", confirm, cancel: !confirm });
      };
      const box = h("div", { class: "modal", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "modal-title", "aria-describedby": "modal-content", tabindex: "-1", testid: "modal" },
        h("h2", { id: "modal-title" }, title),
        h("p", { id: "modal-content" }, content),
        h("div", { class: "modal-actions" },
          h("button", { type: "button", class: "modal-button", testid: "modal-cancel", on: { click: () => answer(false) } }, t("cancel")),
          h("button", { type: "button", class: "modal-button modal-confirm", "data-focus": true, testid: "modal-confirm", on: { click: () => answer(true) } }, confirmText)));
      const close = openLayer(overlay, box, () => answer(false));
    });
  };
}
