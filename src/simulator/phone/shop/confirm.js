// The order before it is placed: what is in it, a note, and one button that places and pays it.

import { productPicture } from "../art.js";
import { h } from "../dom.js";
import { yuan } from "../format.js";
import { t } from "../texts.js";
import { openCashier, placeOrder } from "./pay.js";
import { actionButton, failed, loading, notice, price } from "./view.js";

const NOTE_LENGTH = 200;

function itemLine(product, quantity) {
  return h("li", { class: "item" },
    productPicture(product),
    h("div", { class: "item-text" },
      h("p", { class: "item-title", dir: "auto" }, product.title),
      h("p", { class: "item-unit" }, `¥${yuan(product.price_fen)} × ${quantity}`)),
    price(yuan(product.price_fen * quantity)));
}

function noteField(shared) {
  const field = h("textarea", { id: "note", rows: "2", maxlength: NOTE_LENGTH, placeholder: t("note_placeholder"), testid: "note", value: shared.note });
  field.addEventListener("input", () => {
    shared.note = field.value;
  });
  return h("section", { class: "block" }, h("label", { class: "block-title", for: "note" }, t("note")), field);
}

// A reload leaves the cart but not the goods in it.
async function knowProducts({ client, cart, shared }) {
  const unknown = cart.lines().filter(({ product_id }) => !shared.products.has(product_id));
  for (const { product_id } of unknown) {
    try {
      shared.products.set(product_id, await client.open("GET", `/v1/products/${encodeURIComponent(product_id)}`));
    } catch (failure) {
      if (failure.status !== 404) throw failure;
      cart.set(product_id, 0);
    }
  }
}

async function submit(context, say) {
  const { wx, client, cart, shared, isOpen } = context;
  const note = shared.note.trim();
  const body = { items: cart.lines(), ...(note ? { note } : {}) };
  const order = await placeOrder(client, cart, body);
  cart.clear();
  cart.forgetAttempt();
  shared.note = "";
  // Stock has changed: the shelves are to be read again.
  shared.products.clear();
  say(t("preparing"));
  try {
    const said = await openCashier(wx, client, order.id);
    if (isOpen()) wx.redirectTo({ url: `/pages/result?id=${order.id}&said=${said}` });
  } catch (failure) {
    // The order stands; it can be paid from its own page.
    context.say(failure);
    if (isOpen()) wx.redirectTo({ url: `/pages/order?id=${order.id}` });
  }
}

function filled(context) {
  const { cart, shared } = context;
  const lines = cart.lines().map((line) => ({ ...line, product: shared.products.get(line.product_id) }));
  const total = lines.reduce((fen, { product, quantity }) => fen + product.price_fen * quantity, 0);
  const button = actionButton({
    label: t("submit"),
    busyLabel: t("submitting"),
    testid: "submit",
    work: (say) => submit(context, say).catch(context.say),
  });
  const node = h("div", { class: "stack" },
    h("section", { class: "block" },
      h("h3", { class: "block-title" }, t("confirm_items")),
      h("ul", { class: "items" }, lines.map(({ product, quantity }) => itemLine(product, quantity)))),
    noteField(shared));
  const footer = [h("div", { class: "total" }, h("span", {}, t("total")), price(yuan(total), "total"), h("small", {}, t("server_price"))), button];
  return { node, footer };
}

/** The confirm page. */
export function openConfirm(context) {
  const { cart, wx, isOpen } = context;
  const node = h("div", { class: "fill" }, loading());
  const footer = h("div", { class: "action-bar" });
  footer.hidden = true;

  async function load() {
    node.replaceChildren(loading());
    try {
      await knowProducts(context);
    } catch (failure) {
      if (isOpen()) node.replaceChildren(failed(failure, load));
      return;
    }
    if (!isOpen()) return;
    if (cart.count() === 0) {
      const action = { label: t("go_shopping"), run: () => wx.switchTab({ url: "/pages/shop" }) };
      node.replaceChildren(notice({ kind: "empty", symbol: "cart", title: t("confirm_empty"), action }));
      return;
    }
    const parts = filled(context);
    node.replaceChildren(parts.node);
    footer.replaceChildren(...parts.footer);
    footer.hidden = false;
  }

  load();
  return { node, footer };
}
