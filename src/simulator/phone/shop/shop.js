// The mini program: its frame, its pages, and what it does when it is opened.

import { h, icon } from "../dom.js";
import { t } from "../texts.js";
import { createCart } from "./cart.js";
import { createClient } from "./client.js";
import { openConfirm } from "./confirm.js";
import { openGoods } from "./goods.js";
import { openMe } from "./me.js";
import { openNotes } from "./notes.js";
import { openOrder } from "./order.js";
import { openOrders } from "./orders.js";
import { openResult } from "./result.js";
import { sentence } from "./view.js";

const PAGES = {
  shop: { title: "shop_title", tab: true, open: openGoods },
  confirm: { title: "confirm_title", open: openConfirm },
  result: { title: "result_title", open: openResult },
  orders: { title: "orders_title", tab: true, open: openOrders },
  order: { title: "order_title", open: openOrder },
  notes: { title: "notes_title", tab: true, open: openNotes },
  me: { title: "me_title", tab: true, open: openMe },
};

const TABS = [
  { page: "shop", label: "tab_shop", symbol: "shop" },
  { page: "orders", label: "tab_orders", symbol: "list" },
  { page: "notes", label: "tab_notes", symbol: "note" },
  { page: "me", label: "tab_me", symbol: "user" },
];

function navigationBar(wx, page, reload) {
  const { title, tab } = PAGES[page];
  const back = h("button", { type: "button", class: "icon-button nav-back", "aria-label": t("back"), testid: "back", on: { click: () => wx.navigateBack() } }, icon("back"));
  return h("header", { class: "nav-bar" },
    tab ? h("span", {}) : back,
    h("h2", { class: "nav-title", tabindex: "-1" }, t(title)),
    h("div", { class: "capsule" },
      h("button", { type: "button", "aria-label": t("reload"), testid: "reload", on: { click: reload } }, icon("refresh")),
      h("button", { type: "button", "aria-label": t("home"), testid: "home", on: { click: () => wx.switchTab({ url: "/pages/shop" }) } }, icon("home"))));
}

function tabBar(wx, page) {
  const tab = ({ page: name, label, symbol }) =>
    h("button", { type: "button", class: "tab", testid: `nav-${name}`, "aria-current": name === page ? "page" : null, on: { click: () => wx.switchTab({ url: `/pages/${name}` }) } },
      icon(symbol), h("span", {}, t(label)));
  return h("nav", { class: "tab-bar", "aria-label": t("tabs_label") }, TABS.map(tab));
}

/** Opens the mini program on a phone: `root` is its screen, `buttons` those of the phone, `readRoute` says which page is wanted. */
export function openMiniProgram({ root, wx, buttons, readRoute }) {
  const client = createClient(wx);
  const cart = createCart(wx);
  const shared = { products: new Map(), note: "" };
  let visit = 0;
  let leave = null;

  function render() {
    leave?.();
    leave = null;
    visit += 1;
    const mine = visit;
    const { page: wanted, query } = readRoute();
    const page = Object.hasOwn(PAGES, wanted) ? wanted : "shop";
    const isOpen = () => visit === mine;
    const context = {
      wx, buttons, client, cart, shared, query, isOpen, reload: render,
      say: (failure) => isOpen() && wx.showToast({ title: sentence(failure), icon: "error" }),
    };
    const opened = PAGES[page].open(context);
    leave = opened.leave ?? null;
    document.body.dataset.screen = page;
    root.replaceChildren(
      navigationBar(wx, page, render),
      h("div", { class: `page page-${page}` }, opened.node),
      ...(opened.footer ? [opened.footer] : []),
      ...(PAGES[page].tab ? [tabBar(wx, page)] : []));
  }

  // As a mini program does when it is launched: a silent login, unless the person has logged out on purpose.
  if (!client.hasSession() && !client.isSignedOut()) {
    client.login().catch((failure) => wx.showToast({ title: sentence(failure), icon: "error" }));
  }
  render();

  return {
    render,
    close() {
      visit += 1;
      leave?.();
      root.replaceChildren();
    },
  };
}
