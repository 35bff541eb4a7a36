// One order: what it is, where it stands, and what can still be done with it.

import { landscape } from "../art.js";
import { h, icon } from "../dom.js";
import { countdown, moment, yuan } from "../format.js";
import { t } from "../texts.js";
import { promised } from "./client.js";
import { openCashier } from "./pay.js";
import { actionButton, failed, loading, price, STATUSES, statusTag } from "./view.js";

const SECOND_MS = 1000;

function itemLine(item) {
  return h("li", { class: "item" },
    h("div", { class: "picture" }, landscape(item.product_id, item.title)),
    h("div", { class: "item-text" },
      h("p", { class: "item-title", dir: "auto" }, item.title),
      h("p", { class: "item-unit" }, `¥${yuan(item.unit_price_fen)} × ${item.quantity}`)),
    price(yuan(item.unit_price_fen * item.quantity)));
}

function fact(label, value, extra = null) {
  return value ? h("div", { class: "fact" }, h("dt", {}, label), h("dd", { dir: "auto" }, value, extra)) : null;
}

function copyButton(wx, text) {
  const copy = () => promised(wx.setClipboardData, { data: text }).then(() => wx.showToast({ title: t("order_copied") }), () => {});
  return h("button", { type: "button", class: "icon-button copy", "aria-label": t("order_copy"), on: { click: copy } }, icon("copy"));
}

function facts(order, wx) {
  const time = (value) => (value ? moment(value) : null);
  return h("section", { class: "block" },
    h("dl", { class: "facts" },
      fact(t("order_out_trade_no"), order.out_trade_no, copyButton(wx, order.out_trade_no)),
      fact(t("order_number"), order.id),
      fact(t("note"), order.note),
      fact(t("order_created_at"), time(order.created_at)),
      fact(t("order_paid_at"), time(order.paid_at)),
      fact(t("order_shipped_at"), time(order.shipped_at)),
      fact(t("order_closed_at"), time(order.closed_at)),
      fact(t("order_refunding"), order.refunding_fen > 0 ? `¥${yuan(order.refunding_fen)}` : null),
      fact(t("order_refunded"), order.refunded_fen > 0 ? `¥${yuan(order.refunded_fen)}` : null)));
}

// Counts down to the end of the time to pay; answers how to stop.
function deadline(order, element) {
  const show = () => {
    const seconds = Math.floor((new Date(order.expires_at).getTime() - Date.now()) / SECOND_MS);
    element.textContent = seconds > 0 ? t("order_expires", { time: countdown(seconds) }) : "";
  };
  show();
  const timer = setInterval(show, SECOND_MS);
  return () => clearInterval(timer);
}

function items(order) {
  return h("section", { class: "block" },
    h("h3", { class: "block-title" }, t("confirm_items")),
    h("ul", { class: "items" }, order.items.map(itemLine)),
    h("div", { class: "items-total" }, h("span", {}, t("total")), price(yuan(order.total_fen), "order-total")));
}

/** The page of one order. */
export function openOrder(context) {
  const { wx, client, query, isOpen } = context;
  const path = `/v1/orders/${encodeURIComponent(query.get("id") ?? "")}`;
  const node = h("div", { class: "fill" }, loading());
  const footer = h("div", { class: "action-bar" });
  footer.hidden = true;
  let stopClock = () => {};

  async function pay(order) {
    const said = await openCashier(wx, client, order.id);
    if (isOpen()) wx.redirectTo({ url: `/pages/result?id=${order.id}&said=${said}` });
  }

  async function sync() {
    const order = await client.call("POST", `${path}/sync`);
    if (!isOpen()) return;
    show(order);
    const status = STATUSES.includes(order.status) ? t(`status_${order.status}`) : order.status;
    wx.showToast({ title: t("order_synced", { status }) });
  }

  async function closeOrder() {
    const { confirm } = await promised(wx.showModal, { title: t("order_close_title"), content: t("order_close_sure") });
    if (!confirm) return;
    await client.call("POST", `${path}/close`);
    if (!isOpen()) return;
    await load();
    wx.showToast({ title: t("order_closed_now") });
  }

  // After a refusal the page shows how things stand now.
  const orReload = (work) => () =>
    work().catch(async (failure) => {
      context.say(failure);
      if (failure.status === 409 && isOpen()) await load();
    });

  function actions(order) {
    if (order.status !== "awaiting_payment") return [];
    return [
      actionButton({ label: t("order_close"), kind: "secondary", testid: "close-order", work: orReload(closeOrder) }),
      actionButton({ label: t("order_sync"), kind: "secondary", testid: "sync-order", work: orReload(sync) }),
      actionButton({ label: t("pay_again"), busyLabel: t("preparing"), testid: "pay", work: orReload(() => pay(order)) }),
    ];
  }

  function show(order) {
    stopClock();
    const clock = h("p", { class: "order-clock" });
    stopClock = order.status === "awaiting_payment" ? deadline(order, clock) : () => {};
    node.replaceChildren(h("div", { class: "stack" },
      h("section", { class: "order-head" }, statusTag(order.status, "order-status"), price(yuan(order.total_fen)), clock),
      items(order),
      facts(order, wx)));
    const buttons = actions(order);
    footer.replaceChildren(...buttons);
    footer.hidden = buttons.length === 0;
  }

  async function load() {
    try {
      const order = await client.call("GET", path);
      if (isOpen()) show(order);
    } catch (failure) {
      if (isOpen()) node.replaceChildren(failed(failure, load));
    }
  }

  load();
  return { node, footer, leave: () => stopClock() };
}
