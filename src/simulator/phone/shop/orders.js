// The caller's orders: GET /v1/orders, by status, page by page.

import { landscape } from "../art.js";
import { h } from "../dom.js";
import { moment, yuan } from "../format.js";
import { t } from "../texts.js";
import { failed, loading, notice, price, STATUSES, statusTag } from "./view.js";

const PAGE_SIZE = 10;

function summary(order) {
  const [first] = order.items;
  const title = first?.title ?? order.out_trade_no ?? order.id;
  return order.items.length > 1 ? `${title} ${t("order_items_more", { n: order.items.length })}` : title;
}

function orderCard(order, wx) {
  const quantity = order.items.reduce((sum, item) => sum + item.quantity, 0);
  const [first] = order.items;
  return h("li", {},
    h("button", { type: "button", class: "order-card", testid: "order", data: { id: order.id, status: order.status }, on: { click: () => wx.navigateTo({ url: `/pages/order?id=${order.id}` }) } },
      h("span", { class: "picture" }, landscape(first?.product_id ?? order.id, first?.title ?? "·")),
      h("span", { class: "order-text" },
        h("span", { class: "order-title", dir: "auto" }, summary(order)),
        h("span", { class: "order-when" }, moment(order.created_at)),
        h("span", { class: "order-when" }, quantity === 1 ? t("cart_count_one") : t("cart_count", { n: quantity }))),
      h("span", { class: "order-side" }, statusTag(order.status), price(yuan(order.total_fen)))));
}

function filterBar(chosen, choose) {
  const chip = (status) =>
    h("button", { type: "button", class: "filter", testid: `filter-${status || "all"}`, "aria-pressed": String(status === chosen), on: { click: () => choose(status) } },
      t(`status_${status || "all"}`));
  return h("div", { class: "filters", role: "group", "aria-label": t("orders_filter") }, ["", ...STATUSES].map(chip));
}

function signedOut(context) {
  const run = () => context.client.login().then(() => context.isOpen() && context.reload(), context.say);
  return notice({ kind: "login", symbol: "user", title: t("orders_signed_out"), action: { label: t("login"), run } });
}

/** The list of orders; the address keeps the filter. */
export function openOrders(context) {
  const { wx, client, query, isOpen } = context;
  if (client.isSignedOut()) return { node: signedOut(context) };
  const status = STATUSES.includes(query.get("status")) ? query.get("status") : "";
  const choose = (wanted) => wx.redirectTo({ url: wanted ? `/pages/orders?status=${wanted}` : "/pages/orders" });
  const items = h("ul", { class: "order-list", testid: "orders" });
  const below = h("div", { class: "below" });
  const node = h("div", { class: "fill" }, filterBar(status, choose), items, below);

  async function load(cursor) {
    below.replaceChildren(loading());
    const data = { limit: PAGE_SIZE, ...(status ? { status } : {}), ...(cursor ? { cursor } : {}) };
    try {
      const page = await client.call("GET", "/v1/orders", { data });
      if (!isOpen()) return;
      items.append(...page.items.map((order) => orderCard(order, wx)));
      const more = () => h("button", { type: "button", class: "quiet", testid: "more", on: { click: () => load(page.next_cursor) } }, t("more"));
      if (page.next_cursor) below.replaceChildren(more());
      else if (items.childElementCount > 0) below.replaceChildren(h("p", { class: "below-end" }, t("no_more")));
      else {
        const action = { label: t("go_shopping"), run: () => wx.switchTab({ url: "/pages/shop" }) };
        below.replaceChildren(notice({ kind: "empty", symbol: "list", title: t("orders_empty"), action }));
      }
    } catch (failure) {
      if (isOpen()) below.replaceChildren(failed(failure, () => load(cursor)));
    }
  }

  load(null);
  return { node };
}
