// Looking for orders.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { instant, localInput } from "../format.js";
import { yuan } from "../money.js";
import { badge, field, form, id, link, pager, select, table, time } from "../part.js";
import { t } from "../texts.js";

const STATES = ["awaiting_payment", "paid", "closed", "partially_refunded", "refunded"];
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Orders as a table; also of one user. */
export function orderTable(orders) {
  const rows = orders.map((order) => ({
    testid: "order-row",
    data: { id: order.id, status: order.status },
    cells: [
      h("a", { href: link(`orders/${order.id}`), testid: "order-link" }, order.items.map((item) => `${item.title} × ${item.quantity}`).join(", ")),
      badge(order.status),
      h("span", { class: "money" }, yuan(order.total_fen), order.refunded_fen > 0 && h("small", { class: "muted" }, ` −${yuan(order.refunded_fen)}`)),
      time(order.created_at),
      id(order.out_trade_no),
    ],
  }));
  return table([t("goods"), t("status"), t("sum"), t("made_at"), t("out_trade_no")], rows, { testid: "orders", name: t("nav_orders") });
}

function search(query) {
  const text = (name, label, hint) =>
    field(label, h("input", { name, value: query[name] ?? "", autocomplete: "off", spellcheck: "false", testid: `search-${name}` }), hint);
  const when = (name, label) => field(label, h("input", { name, type: "datetime-local", value: localInput(query[name]) }));
  const find = (data) => {
    const wanted = Object.fromEntries(["status", "out_trade_no", "transaction_id", "user_id"].map((name) => [name, data.get(name).trim()]));
    const order = data.get("id").trim();
    if (order !== "" && !ID.test(order)) throw new Error(t("id_wrong"));
    location.hash = order !== "" ? link(`orders/${order}`)
      : link("orders", { ...wanted, created_from: instant(data.get("created_from")), created_to: instant(data.get("created_to")) });
  };
  return form({ testid: "search", submit: t("search") }, find, h("div", { class: "fields" },
    text("out_trade_no", t("out_trade_no"), t("out_trade_no_hint")),
    text("transaction_id", t("transaction_id"), t("transaction_id_hint")),
    text("id", t("order_id")),
    text("user_id", t("user_id")),
    field(t("status"), select("status", query.status, [["", t("any")], ...STATES.map((state) => [state, t(`state_${state}`)])], "search-status")),
    when("created_from", t("made_from")),
    when("created_to", t("made_before"))));
}

/** `#/orders` */
export async function showOrders({ query, put }) {
  const page = await ask("GET", "orders", { query });
  put(search(query), orderTable(page.items), pager("orders", query, page.next_cursor));
}
