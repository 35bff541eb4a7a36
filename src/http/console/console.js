// Puts the page together: the token, the way between views, and the view that the address names.

import { isTaken, token, whenRefused } from "./api.js";
import { h } from "./dom.js";
import { field, form, link, trouble } from "./part.js";
import { fillTexts, onLanguage, switchLanguage, t } from "./texts.js";
import { showEvents } from "./view/events.js";
import { showExceptions } from "./view/exceptions.js";
import { showHealth } from "./view/health.js";
import { showNotification, showNotifications } from "./view/notifications.js";
import { showOrder } from "./view/order.js";
import { showOrders } from "./view/orders.js";
import { showProducts } from "./view/products.js";
import { showReconciliation, showReconciliations } from "./view/reconciliations.js";
import { showUser, showUsers } from "./view/users.js";

// What is shown of all, and of one by its id.
const VIEWS = {
  health: [showHealth],
  orders: [showOrders, showOrder],
  exceptions: [showExceptions],
  notifications: [showNotifications, showNotification],
  reconciliations: [showReconciliations, showReconciliation],
  events: [showEvents],
  products: [showProducts],
  users: [showUsers, showUser],
};

const byId = (id) => document.getElementById(id);
const main = byId("main");
let leaving = new AbortController();

function readRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  const found = Object.hasOwn(VIEWS, name) ? name : "health";
  const [list, one] = VIEWS[found];
  return { name: found, id, show: id && one ? one : list, query: Object.fromEntries(new URLSearchParams(query)) };
}

function drawNav(name) {
  const links = Object.keys(VIEWS).map((view) =>
    h("a", { href: link(view), testid: `nav-${view}`, "aria-current": view === name ? "page" : null }, t(`nav_${view}`)));
  byId("nav").replaceChildren(...links);
  byId("nav").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

/** Draws the view anew. Whatever the view before still waits for is told that nobody looks any more. */
async function draw({ hasMoved = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const isIn = token.isThere();
  byId("nav").hidden = !isIn;
  byId("sign-out").hidden = !isIn;
  if (!isIn) return drawSignIn();
  const { name, id, show, query } = readRoute();
  drawNav(name);
  const heading = h("h1", { tabindex: "-1", testid: "heading" }, t(id ? `one_${name}` : `nav_${name}`));
  const failed = trouble();
  const body = h("div", { class: "body", "aria-busy": "true" }, h("p", { class: "empty" }, t("loading")));
  main.replaceChildren(heading, failed.line, body);
  document.title = `${heading.textContent} · weir`;
  document.body.dataset.view = name;
  if (hasMoved) {
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  const put = (...parts) => {
    if (!signal.aborted) body.replaceChildren(...parts.flat().filter(Boolean));
  };
  try {
    await show({ id, query, put, signal, again: () => draw(), failed });
  } catch (error) {
    put();
    failed.say(error);
  }
  body.removeAttribute("aria-busy");
}

function drawSignIn(said = null) {
  document.body.dataset.view = "sign-in";
  document.title = `${t("sign_in")} · weir`;
  const input = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: "false", required: true, testid: "token" });
  const enter = async (data) => {
    const text = data.get("token").trim();
    // A header takes nothing but visible ASCII.
    if (!/^[\x21-\x7e]+$/.test(text) || !(await isTaken(text))) throw new Error(t("token_wrong"));
    token.keep(text);
    await draw({ hasMoved: true });
  };
  main.replaceChildren(h("div", { class: "sign-in" },
    h("h1", { testid: "heading" }, t("sign_in")),
    h("p", {}, t("sign_in_words")),
    said && h("p", { class: "trouble", role: "alert" }, said),
    form({ testid: "sign-in", submit: t("sign_in") }, enter, field(t("token"), input, t("token_hint")))));
  input.focus();
}

function writeTexts() {
  fillTexts(document);
  byId("language").textContent = t("language_switch");
  byId("language").setAttribute("aria-label", t("language_label"));
}

byId("language").addEventListener("click", switchLanguage);
// The address names the view; a jump within the page must not take its place.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
byId("sign-out").addEventListener("click", () => {
  token.drop();
  draw();
});
whenRefused(() => {
  // Several requests may be under way: the first that is refused asks anew.
  if (!token.isThere()) return;
  token.drop();
  draw();
  drawSignIn(t("token_refused"));
});
onLanguage(() => {
  writeTexts();
  draw();
});
window.addEventListener("hashchange", () => draw({ hasMoved: true }));
writeTexts();
draw();
