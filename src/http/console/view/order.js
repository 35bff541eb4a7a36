// One order: where its money is, and why.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { yuan } from "../money.js";
import { badge, button, facts, figures, id, link, more, section, table, time, word } from "../part.js";
import { t } from "../texts.js";
import { refundForm } from "./refund.js";
import { shipmentForm, shipmentPart } from "./shipment.js";

/** How many refunds are read one by one. */
const REFUNDS_MAX = 50;

function head(order) {
  return facts([
    [t("status"), badge(order.status, "order-status")],
    [t("sum"), h("strong", { class: "money", testid: "order-total" }, yuan(order.total_fen))],
    [t("went_back"), h("span", { class: "money", testid: "order-refunded" }, yuan(order.refunded_fen))],
    [t("going_back"), h("span", { class: "money", testid: "order-refunding" }, yuan(order.refunding_fen))],
    [t("made_at"), time(order.created_at)],
    [t("paid_at"), time(order.paid_at)],
    order.closed_at && [t("closed_at"), time(order.closed_at)],
    !order.paid_at && [t("expires_at"), time(order.expires_at)],
    [t("shipped_at"), time(order.shipped_at)],
    [t("out_trade_no"), id(order.out_trade_no)],
    [t("transaction_id"), id(order.transaction_id)],
    [t("order_id"), id(order.id)],
    [t("user_id"), id(order.user_id, link(`users/${order.user_id}`))],
    [t("app_id"), id(order.app_id)],
  ]);
}

function lines(order) {
  const rows = order.items.map((item) => ({
    cells: [item.title, yuan(item.unit_price_fen), String(item.quantity), item.product_id],
  }));
  return table([t("goods"), t("unit_price"), t("quantity"), t("product_id")], rows, { name: t("goods") });
}

function entry(order, { at, kind, summary, figures: known }) {
  const places = [
    known.notification_id && h("a", { href: link(`notifications/${known.notification_id}`) }, t("see_notification")),
    known.exception_id && h("a", { href: link("exceptions", { order_id: order.id, status: "all", kind: known.kind }) }, t("see_exception")),
    known.event_id && h("a", { href: link("events", { id: known.event_id }) }, t("see_event")),
  ].filter(Boolean);
  return h("li", { testid: "entry", data: { kind } },
    h("div", { class: "line" }, h("strong", {}, word("kind", kind)), time(at)),
    h("p", {}, summary),
    places.length > 0 && h("p", { class: "places" }, ...places),
    Object.keys(known).length > 0 && more(t("figures"), figures(known)));
}

function timeline(order) {
  return section(t("timeline"),
    !order.is_timeline_whole && h("p", { class: "note" }, t("timeline_cut")),
    h("ol", { class: "timeline", testid: "timeline" }, ...order.timeline.map((one) => entry(order, one))));
}

// The order names its refunds in its timeline alone.
async function refundsOf(order) {
  const ids = new Set(order.timeline.map((one) => (one.kind === "refund_wanted" ? one.figures.refund_id : null)).filter(Boolean));
  const refunds = [];
  for (const one of [...ids].slice(-REFUNDS_MAX)) refunds.push(await ask("GET", `refunds/${one}`));
  return refunds;
}

function refundTable(refunds) {
  const rows = refunds.map((refund) => ({
    testid: "refund-row",
    data: { id: refund.id, status: refund.status },
    cells: [
      h("span", { class: "money" }, yuan(refund.amount_fen)),
      h("span", {}, badge(refund.status), refund.failure_code && h("small", {}, ` ${refund.failure_code}`)),
      refund.reason ?? word("cause", refund.cause),
      time(refund.created_at),
      time(refund.succeeded_at),
      id(refund.out_refund_no),
    ],
  }));
  return table([t("sum"), t("status"), t("refund_reason"), t("wanted_at"), t("arrived_at"), t("out_refund_no")], rows, { testid: "refunds", name: t("refunds") });
}

function attempts(order) {
  const rows = order.attempts.map((attempt) => ({
    cells: [
      id(attempt.out_trade_no), h("span", {}, attempt.state, attempt.failure_code && ` (${attempt.failure_code})`),
      yuan(attempt.total_fen), time(attempt.created_at), id(attempt.transaction_id),
    ],
  }));
  return table([t("out_trade_no"), t("status"), t("sum"), t("made_at"), t("transaction_id")], rows, { name: t("attempts") });
}

/** `#/orders/ID` */
export async function showOrder({ id: wanted, put, again, failed }) {
  const order = await ask("GET", `orders/${encodeURIComponent(wanted)}`);
  const refunds = await refundsOf(order);
  const place = h("div", {});
  const open = (made) => {
    place.replaceChildren(made);
    made.querySelector("input, select")?.focus();
  };
  const actions = h("div", { class: "line" },
    button(t("refresh"), again, { failed, testid: "refresh" }),
    button(t("refund_open"), () => open(refundForm(order, again)), { testid: "refund-open" }),
    button(t("shipment_open"), () => open(shipmentForm(order, again)), { testid: "shipment-open" }),
    h("a", { class: "button", href: link("exceptions", { order_id: order.id, status: "all" }), testid: "order-exceptions" }, t("nav_exceptions")),
    h("a", { class: "button", href: link("notifications", { order_id: order.id }), testid: "order-notifications" }, t("nav_notifications")));
  put(head(order), actions, place,
    section(t("goods"), lines(order), order.note !== null && h("p", { class: "said", testid: "order-note" }, order.note)),
    section(t("refunds"), refundTable(refunds)),
    shipmentPart(order.shipment),
    timeline(order),
    section(t("attempts"), attempts(order)));
}
