// Giving money back.

import { ask } from "../api.js";
import { confirmed } from "../dialog.js";
import { h, randomWord } from "../dom.js";
import { fenOf, plainYuan, yuan } from "../money.js";
import { field, form, toast } from "../part.js";
import { t } from "../texts.js";

// By order: the key of a refund of which nobody knows whether it was taken. It outlives the form, so that the same
// refund, wanted once more, is the same one. No refusal ends it but that it was used for another: whatever else is
// refused now, an earlier one under it may have been taken and its answer lost.
const keys = new Map();

async function send(order, body) {
  const key = keys.get(order.id);
  try {
    const refund = await ask("POST", `orders/${order.id}/refunds`, { body, key });
    keys.delete(order.id);
    return refund;
  } catch (error) {
    if (error.code !== "idempotency_key_reused") throw error;
    keys.delete(order.id);
    throw new Error(t("refund_key_reused"));
  }
}

/** The form of a refund; `done` is told when it was taken. */
export function refundForm(order, done) {
  const left = order.paid_at === null ? 0 : order.total_fen - order.refunded_fen - order.refunding_fen;
  const sum = h("input", { name: "sum", inputmode: "decimal", autocomplete: "off", value: left > 0 ? plainYuan(left) : "", testid: "refund-sum" });
  const act = async (data) => {
    const amountFen = fenOf(data.get("sum"));
    if (amountFen === null) throw new Error(t("sum_wrong"));
    const body = { amount_fen: amountFen };
    if (data.get("reason").trim() !== "") body.reason = data.get("reason").trim();
    if (data.has("restock")) body.restock = true;
    if (data.get("transaction_id").trim() !== "") body.transaction_id = data.get("transaction_id").trim();
    const isSure = await confirmed({
      title: t("refund_confirm", { sum: yuan(amountFen) }),
      lines: [t("refund_confirm_words", { sum: yuan(amountFen), total: yuan(order.total_fen) }), body.reason ?? t("refund_no_reason")],
      yes: t("refund_yes", { sum: yuan(amountFen) }),
    });
    if (!isSure) return;
    if (!keys.has(order.id)) keys.set(order.id, randomWord());
    await send(order, body);
    toast(t("refund_taken", { sum: yuan(amountFen) }));
    await done();
  };
  return h("section", { class: "card" }, h("h2", {}, t("refund_open")),
    h("p", {}, t("refund_left", { sum: yuan(Math.max(left, 0)) })),
    form({ testid: "refund", submit: t("refund_next") }, act, h("div", { class: "fields" },
      field(t("sum_yuan"), sum),
      field(t("refund_reason"), h("input", { name: "reason", maxlength: "80", testid: "refund-reason" }), t("refund_reason_hint")),
      field(t("refund_transaction"), h("input", { name: "transaction_id", autocomplete: "off", spellcheck: "false", testid: "refund-transaction" }), t("refund_transaction_hint"))),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "restock" }), h("span", {}, t("restock")))));
}
