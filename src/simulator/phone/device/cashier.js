// The cashier's sheet that wx.requestPayment slides up. On a real phone it belongs to WeChat: the mini program
// sees only the errMsg at the end.

import { cashierAction } from "../control.js";
import { h, icon } from "../dom.js";
import { yuan } from "../format.js";
import { t } from "../texts.js";
import { openLayer } from "./sheet.js";

function line(label, value) {
  return h("div", { class: "sheet-line" }, h("dt", {}, label), h("dd", { dir: "auto" }, value));
}

/** Shows the sheet and answers with the errMsg of what the person did on it. */
export async function openCashier(phone, cashier) {
  // Nobody looks at a phone that was put away meanwhile: it must not show its sheet on another one.
  if (!phone.isInHand()) return (await cashierAction(cashier.cashier_id, "cancel")).errMsg;
  return new Promise((resolve) => {
    let isBusy = false;
    const act = async (action) => {
      if (isBusy) return;
      isBusy = true;
      sheet.dataset.busy = action;
      for (const button of sheet.querySelectorAll("button")) button.disabled = true;
      let errMsg;
      try {
        errMsg = (await cashierAction(cashier.cashier_id, action)).errMsg;
      } catch (error) {
        errMsg = error.body?.errMsg ?? `requestPayment:fail ${error.message}`;
      }
      close();
      resolve(errMsg);
    };
    const button = (action, testid, kind, ...content) =>
      h("button", { type: "button", class: kind, testid, "data-focus": action === "pay", on: { click: () => act(action) } }, ...content);
    const sheet = h("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "cashier-title", tabindex: "-1", testid: "cashier" },
      h("div", { class: "sheet-head" },
        h("button", { type: "button", class: "icon-button", "aria-label": t("cashier_close"), testid: "cashier-cancel", on: { click: () => act("cancel") } }, icon("close")),
        h("h2", { id: "cashier-title" }, t("cashier_title"))),
      h("p", { class: "sheet-payee", dir: "auto", testid: "cashier-payee" }, cashier.payee),
      h("p", { class: "sheet-amount", testid: "cashier-amount" }, h("small", {}, "¥"), yuan(cashier.amount_fen)),
      h("dl", { class: "sheet-lines" },
        line(t("cashier_goods"), cashier.description),
        line(t("cashier_method"), t("cashier_balance"))),
      button("pay", "cashier-pay", "primary", h("span", { class: "button-label" }, t("cashier_pay", { amount: yuan(cashier.amount_fen) }))),
      button("insufficient_funds", "cashier-insufficient", "quiet", t("cashier_insufficient")));
    const close = openLayer(phone.overlay, sheet, () => act("cancel"));
  });
}
