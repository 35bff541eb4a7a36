// The shelves: GET /v1/products, with a stepper on each product and the cart at the bottom.

import { productPicture } from "../art.js";
import { h, icon, s } from "../dom.js";
import { yuan } from "../format.js";
import { t } from "../texts.js";
import { failed, notice, price } from "./view.js";

const PAGE_SIZE = 20;
const FEW_LEFT = 5;
const MOST_OF_ONE = 99;

function hero() {
  return h("div", { class: "hero" },
    s("svg", { viewBox: "0 0 360 96", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("path", { d: "M0 60c60-26 120-26 180 0s120 26 180 0v36H0z", opacity: 0.28 }),
      s("path", { d: "M0 74c60-20 120-20 180 0s120 20 180 0v22H0z", opacity: 0.4 })),
    h("p", { class: "hero-name" }, t("shop_title")),
    h("p", { class: "hero-line" }, t("shop_tagline")));
}

function stepper(product, cart, changed) {
  const most = Math.min(product.stock ?? MOST_OF_ONE, MOST_OF_ONE);
  const number = h("output", { class: "stepper-number", testid: "quantity" });
  const button = (symbol, label, testid, step) =>
    h("button", { type: "button", class: `stepper-button stepper-${symbol}`, "aria-label": t(label, { title: product.title }), testid, on: { click: () => move(step) } }, icon(symbol));
  const minus = button("minus", "remove", "remove", -1);
  const plus = button("plus", "add", "add", 1);
  const box = h("div", { class: "stepper" }, minus, number, plus);

  function show() {
    const quantity = cart.quantity(product.id);
    number.textContent = String(quantity);
    box.dataset.quantity = String(quantity);
    plus.disabled = quantity >= most;
    minus.disabled = quantity === 0;
  }
  function move(step) {
    cart.set(product.id, Math.min(Math.max(cart.quantity(product.id) + step, 0), most));
    show();
    changed();
    if (minus.disabled && document.activeElement === document.body) plus.focus();
  }
  show();
  return box;
}

function card(product, cart, changed) {
  const isSoldOut = product.stock === 0;
  const isScarce = product.stock !== null && product.stock > 0 && product.stock <= FEW_LEFT;
  return h("li", { class: "card", testid: "product", data: { id: product.id, soldOut: String(isSoldOut) } },
    h("div", { class: "card-picture" },
      productPicture(product),
      isSoldOut ? h("span", { class: "card-flag" }, t("sold_out")) : null,
      isScarce ? h("span", { class: "card-flag card-flag-few" }, t("stock_left", { n: product.stock })) : null),
    h("div", { class: "card-text" },
      h("h3", { class: "card-title", dir: "auto", testid: "product-title" }, product.title),
      h("div", { class: "card-row" }, price(yuan(product.price_fen)), isSoldOut ? null : stepper(product, cart, changed))));
}

function skeletonCard() {
  return h("li", { class: "card skeleton", "aria-hidden": "true" }, h("div", { class: "card-picture" }), h("div", { class: "card-text" }, h("p"), h("p")));
}

function cartBar(context) {
  const { cart, shared, wx } = context;
  const count = h("span", { class: "cart-count", testid: "cart-count" });
  const sum = h("span", { class: "price" });
  const bar = h("div", { class: "cart-bar", testid: "cart" },
    h("span", { class: "cart-symbol" }, icon("cart")),
    h("div", { class: "cart-text" }, sum, count),
    h("button", { type: "button", class: "primary", testid: "checkout", on: { click: () => wx.navigateTo({ url: "/pages/confirm" }) } }, t("checkout")));
  function show() {
    const number = cart.count();
    const known = cart.lines().filter(({ product_id }) => shared.products.has(product_id));
    const total = known.reduce((fen, { product_id, quantity }) => fen + shared.products.get(product_id).price_fen * quantity, 0);
    bar.hidden = number === 0;
    count.textContent = number === 1 ? t("cart_count_one") : t("cart_count", { n: number });
    sum.replaceChildren(h("small", {}, "¥"), yuan(total));
  }
  return { bar, show };
}

/** The page of goods. */
export function openGoods(context) {
  const { client, cart, shared, isOpen } = context;
  const shelf = h("ul", { class: "shelf", testid: "products" });
  const below = h("div", { class: "below" });
  const node = h("div", {}, hero(), shelf, below);
  const { bar, show } = cartBar(context);

  function moreButton(cursor) {
    return h("button", { type: "button", class: "quiet", testid: "more", on: { click: () => load(cursor) } }, t("more"));
  }

  async function load(cursor) {
    below.replaceChildren();
    const skeletons = Array.from({ length: 4 }, skeletonCard);
    shelf.append(...skeletons);
    try {
      const page = await client.open("GET", "/v1/products", { data: { limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) } });
      if (!isOpen()) return;
      skeletons.forEach((skeleton) => skeleton.remove());
      for (const product of page.items) {
        shared.products.set(product.id, product);
        shelf.append(card(product, cart, show));
      }
      if (page.next_cursor) below.append(moreButton(page.next_cursor));
      else if (shelf.childElementCount === 0) {
        below.append(notice({ kind: "empty", symbol: "bag", title: t("shop_empty"), hint: t("shop_empty_hint") }));
      }
      show();
    } catch (failure) {
      skeletons.forEach((skeleton) => skeleton.remove());
      if (isOpen()) below.replaceChildren(failed(failure, () => load(cursor)));
    }
  }

  show();
  load(null);
  return { node, footer: bar };
}
