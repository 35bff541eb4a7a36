// Pieces that several pages of the shop share.

import { h, icon } from "../dom.js";
import { t } from "../texts.js";
import { Failure } from "./client.js";

/** The middle of a page that has nothing to show: empty, failed or waiting for a login. */
export function notice({ kind, symbol, title, hint, action }) {
  return h("div", { class: `notice notice-${kind}`, testid: `notice-${kind}` },
    h("span", { class: "notice-symbol" }, icon(symbol)),
    h("p", { class: "notice-title" }, title),
    hint ? h("p", { class: "notice-hint" }, hint) : null,
    action ? h("button", { type: "button", class: "secondary", testid: "notice-action", on: { click: action.run } }, action.label) : null);
}

/** A page that could not be loaded. */
export function failed(failure, retry) {
  return notice({ kind: "error", symbol: "warning", title: sentence(failure), action: { label: t("retry"), run: retry } });
}

/** What to tell a person; anything that is no Failure is a bug of the page and goes on to the console. */
export function sentence(failure) {
  if (failure instanceof Failure) return failure.sentence();
  throw failure;
}

export function loading() {
  return h("div", { class: "loading", role: "status" }, h("span", { class: "spinner" }), h("span", {}, t("loading")));
}

/** A button that cannot be tapped twice: it is busy until `work` ends, with `busyLabel` on it. */
export function actionButton({ label, busyLabel, kind = "primary", testid, work }) {
  const text = h("span", { class: "button-label" }, label);
  const button = h("button", { type: "button", class: kind, testid }, text);
  const say = (words) => {
    text.textContent = words;
  };
  button.addEventListener("click", async () => {
    if (button.dataset.busy) return;
    button.dataset.busy = "true";
    button.setAttribute("aria-busy", "true");
    say(busyLabel ?? label);
    try {
      await work(say);
    } finally {
      delete button.dataset.busy;
      button.removeAttribute("aria-busy");
      say(label);
    }
  });
  return button;
}

/** A coloured word for the state of an order. */
export function statusTag(status, testid) {
  const label = STATUSES.includes(status) ? t(`status_${status}`) : status;
  return h("span", { class: `tag tag-${status}`, testid, data: { status } }, label);
}

export const STATUSES = ["awaiting_payment", "paid", "closed", "partially_refunded", "refunded"];

/** An amount of money; the currency sign is smaller. */
export function price(text, testid) {
  return h("span", { class: "price", testid }, h("small", {}, "¥"), text);
}
