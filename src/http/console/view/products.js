// The catalogue.

import { ask } from "../api.js";
import { confirmed } from "../dialog.js";
import { h } from "../dom.js";
import { fenOf, plainYuan, yuan } from "../money.js";
import { badge, button, field, form, pager, table, toast, trouble } from "../part.js";
import { t } from "../texts.js";

function read(data) {
  const price = fenOf(data.get("price"));
  if (price === null) throw new Error(t("sum_wrong"));
  const stock = data.get("stock").trim();
  if (!/^\d{0,10}$/.test(stock)) throw new Error(t("stock_wrong"));
  const image = data.get("image_url").trim();
  return {
    title: data.get("title").trim(),
    price_fen: price,
    stock: stock === "" ? null : Number(stock),
    image_url: image === "" ? null : image,
    is_listed: data.has("is_listed"),
  };
}

// A product is replaced as a whole, its stock too, and it may have been sold since the form was opened.
async function withStockOfNow(product, body) {
  const { stock } = await ask("GET", `products/${encodeURIComponent(product.id)}`);
  if (body.stock === product.stock) return { ...body, stock };
  if (stock === product.stock) return body;
  product.stock = stock;
  throw new Error(t("stock_moved", { stock: stock ?? t("unlimited") }));
}

function productForm(product, done) {
  const input = (name, value, more_ = {}) => h("input", { name, value: value ?? "", autocomplete: "off", testid: `product-${name}`, ...more_ });
  const act = async (data) => {
    const name = product?.id ?? data.get("id").trim();
    if (name === "") throw new Error(t("product_id_missing"));
    const wanted = read(data);
    const body = product === null ? wanted : await withStockOfNow(product, wanted);
    await ask("PUT", `products/${encodeURIComponent(name)}`, { body });
    toast(t("product_kept"));
    await done();
  };
  return h("section", { class: "card" }, h("h2", {}, product ? product.title : t("product_new")),
    form({ testid: "product", submit: t("product_keep") }, act, h("div", { class: "fields" },
      product === null && field(t("product_id"), input("id", "", { spellcheck: "false" }), t("product_id_hint")),
      field(t("title"), input("title", product?.title, { maxlength: "120" })),
      field(t("price_yuan"), input("price", product && plainYuan(product.price_fen), { inputmode: "decimal" })),
      field(t("stock"), input("stock", product?.stock === null ? "" : product?.stock, { inputmode: "numeric" }), t("stock_hint")),
      field(t("image_url"), input("image_url", product?.image_url, { type: "url", spellcheck: "false" }))),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "is_listed", checked: product?.is_listed ?? true }), h("span", {}, t("is_listed")))));
}

/** `#/products` */
export async function showProducts({ query, put, again }) {
  const page = await ask("GET", "products", { query });
  const failed = trouble("product-trouble");
  const place = h("div", {});
  const open = (product) => {
    place.replaceChildren(productForm(product, again));
    place.querySelector("input").focus();
  };
  const remove = async (product) => {
    const isSure = await confirmed({ title: t("product_remove"), lines: [`${product.title} (${product.id})`, t("product_remove_words")], yes: t("product_remove") });
    if (!isSure) return;
    await ask("DELETE", `products/${encodeURIComponent(product.id)}`);
    await again();
  };
  const rows = page.items.map((product) => ({
    testid: "product-row",
    data: { id: product.id },
    cells: [
      h("span", { class: "line" }, product.image_url && h("img", { class: "thumb", src: product.image_url, alt: "", loading: "lazy" }), product.title,
        !product.is_listed && badge("unlisted")),
      h("span", { class: "money" }, yuan(product.price_fen)),
      product.stock === null ? t("unlimited") : String(product.stock),
      h("code", {}, product.id),
      h("span", { class: "line" },
        button(t("change"), () => open(product), { kind: "small", testid: "product-change" }),
        button(t("remove"), () => remove(product), { kind: "small", testid: "product-remove", failed })),
    ],
  }));
  put(
    h("div", { class: "line" }, button(t("product_new"), () => open(null), { testid: "product-new" })), place, failed.line,
    table([t("title"), t("price"), t("stock"), t("product_id"), t("actions")], rows, { testid: "products", name: t("nav_products") }),
    pager("products", query, page.next_cursor));
}
