// After the cashier: whatever it said, the server is asked until it knows.

import { h, icon } from "../dom.js";
import { yuan } from "../format.js";
import { t } from "../texts.js";
import { openCashier, settle } from "./pay.js";
import { actionButton, failed, price } from "./view.js";

const SYMBOLS = { confirming: null, paid: "check", unpaid: "clock", pending: "clock", closed: "close" };

// What the order and the cashier say together.
function stateOf(order, said) {
  if (order.status === "closed") return "closed";
  if (order.status !== "awaiting_payment") return "paid";
  return said === "ok" ? "pending" : "unpaid";
}

function hintOf(state, said) {
  if (state === "unpaid") return t(said === "cancel" ? "result_unpaid_cancel" : "result_unpaid_fail");
  return t(`result_${state}_hint`);
}

function face(state, said, order) {
  const symbol = SYMBOLS[state];
  return h("div", { class: `result result-${state}`, role: "status", testid: "result", data: { state } },
    h("span", { class: "result-symbol" }, symbol ? icon(symbol) : h("span", { class: "spinner" })),
    h("h3", { class: "result-title" }, t(`result_${state}`)),
    order ? price(yuan(order.total_fen), "result-amount") : null,
    h("p", { class: "result-hint" }, hintOf(state, said)));
}

/** The result page; the address names the order and what the cashier said. */
export function openResult(context) {
  const { wx, client, query, isOpen } = context;
  const id = query.get("id") ?? "";
  const node = h("div", { class: "fill" });
  let said = query.get("said") ?? "ok";

  const link = (label, testid, go, kind = "secondary") => h("button", { type: "button", class: kind, testid, on: { click: go } }, label);

  async function payAgain() {
    try {
      said = await openCashier(wx, client, id);
    } catch (failure) {
      context.say(failure);
    }
    if (isOpen()) await confirm();
  }

  function actions(state) {
    const first = {
      unpaid: () => actionButton({ label: t("pay_again"), busyLabel: t("preparing"), testid: "pay", work: payAgain }),
      pending: () => actionButton({ label: t("check_again"), testid: "check-again", work: confirm }),
    }[state];
    return h("div", { class: "result-actions" },
      first?.(),
      link(t("view_order"), "view-order", () => wx.redirectTo({ url: `/pages/order?id=${id}` })),
      link(t("keep_shopping"), "keep-shopping", () => wx.switchTab({ url: "/pages/shop" }), "quiet"));
  }

  async function confirm() {
    node.replaceChildren(face("confirming", said, null));
    try {
      const order = await settle(client, id, said, isOpen);
      if (!isOpen() || order === null) return;
      const state = stateOf(order, said);
      node.replaceChildren(face(state, said, order), actions(state));
    } catch (failure) {
      if (isOpen()) node.replaceChildren(failed(failure, confirm));
    }
  }

  confirm();
  return { node };
}
