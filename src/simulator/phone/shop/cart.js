// What lies in the cart, and the one order that is being placed from it. Both survive a reload.

import { newKey } from "./client.js";

/** The cart of one phone: product id to quantity. */
export function createCart(wx) {
  let quantities = new Map(wx.getStorageSync("cart") || []);
  const keep = () => wx.setStorageSync("cart", [...quantities]);

  return {
    quantity: (productId) => quantities.get(productId) ?? 0,
    set(productId, quantity) {
      if (quantity > 0) quantities.set(productId, quantity);
      else quantities.delete(productId);
      keep();
    },
    lines: () => [...quantities].map(([product_id, quantity]) => ({ product_id, quantity })),
    count: () => [...quantities.values()].reduce((sum, quantity) => sum + quantity, 0),
    clear() {
      quantities = new Map();
      keep();
    },
    /** `{key, body}`: the same key for as long as the order is the same, so that a repeat makes no second one. */
    attempt(body) {
      const kept = wx.getStorageSync("attempt");
      if (kept && JSON.stringify(kept.body) === JSON.stringify(body)) return kept;
      const attempt = { key: newKey(), body };
      wx.setStorageSync("attempt", attempt);
      return attempt;
    },
    forgetAttempt: () => wx.removeStorageSync("attempt"),
  };
}
