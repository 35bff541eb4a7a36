// Who somebody is. A phone number is never part of an address: it leaves in a body, and nothing remembers it.

import { ask } from "../api.js";
import { confirmed } from "../dialog.js";
import { h } from "../dom.js";
import { badge, button, facts, field, form, id, link, section, table, time, toast, trouble } from "../part.js";
import { t } from "../texts.js";
import { orderTable } from "./orders.js";

function userTable(users) {
  const rows = users.map((user) => ({
    testid: "user-row",
    data: { id: user.id },
    cells: [
      h("a", { href: link(`users/${user.id}`), testid: "user-link" }, user.nickname ?? t("nameless")),
      user.phone_number ?? "–", time(user.created_at), user.app_id, id(user.id),
    ],
  }));
  return table([t("nickname"), t("phone_number"), t("made_at"), t("app_id"), t("user_id")], rows, { testid: "users", name: t("nav_users") });
}

/** `#/users` */
export async function showUsers({ put }) {
  const found = h("div", {});
  const find = async (data, cursor) => {
    const body = { phone_number: data.get("phone_number").trim(), ...(cursor ? { cursor } : {}) };
    const page = await ask("POST", "users/search", { body });
    const next = page.next_cursor !== null && button(t("page_next"), () => find(data, page.next_cursor), { kind: "small" });
    found.replaceChildren(userTable(page.items), ...(next ? [next] : []));
  };
  const open = (data) => {
    location.hash = link(`users/${encodeURIComponent(data.get("id").trim())}`);
  };
  put(
    form({ testid: "user-search", submit: t("search") }, (data) => find(data),
      field(t("phone_number"), h("input", { name: "phone_number", type: "tel", autocomplete: "off", testid: "phone-number" }), t("phone_number_hint"))),
    found,
    form({ testid: "user-open", submit: t("open"), isMain: false }, open,
      field(t("user_id"), h("input", { name: "id", autocomplete: "off", spellcheck: "false" }))));
}

function sessionKeyPart(user) {
  const failed = trouble("key-trouble");
  const state = h("div", { testid: "key-state" });
  const show = (key) => state.replaceChildren(facts([
    [t("key_alive"), badge(key.is_alive ? "ok" : "failed")], [t("key_obtained_at"), time(key.obtained_at)],
  ]));
  const check = async () => show(await ask("GET", `users/${user.id}/session-key`));
  const reset = async () => {
    const isSure = await confirmed({ title: t("key_reset"), lines: [t("key_reset_words")], yes: t("key_reset") });
    if (!isSure) return;
    show(await ask("POST", `users/${user.id}/session-key/reset`));
    toast(t("key_reset_done"));
  };
  return section(t("session_key"), h("p", {}, t("key_words")), h("div", { class: "line" },
    button(t("key_check"), check, { failed, testid: "key-check" }), button(t("key_reset"), reset, { failed, testid: "key-reset" })), failed.line, state);
}

/** `#/users/ID` */
export async function showUser({ id: wanted, put }) {
  const user = await ask("GET", `users/${encodeURIComponent(wanted)}`);
  const orders = await ask("GET", "orders", { query: { user_id: user.id } });
  const linked = user.linked.map((other) => h("li", {}, id(other.id, link(`users/${other.id}`)), ` ${other.app_id}`));
  put(
    facts([
      [t("nickname"), user.nickname ?? t("nameless")],
      [t("phone_number"), user.phone_number ?? "–"],
      [t("made_at"), time(user.created_at)],
      [t("app_id"), id(user.app_id)],
      [t("user_id"), id(user.id)],
    ]),
    linked.length > 0 && section(t("linked"), h("ul", {}, ...linked)),
    section(t("nav_orders"), orderTable(orders.items),
      orders.next_cursor !== null && h("p", {}, h("a", { href: link("orders", { user_id: user.id }) }, t("orders_all")))),
    sessionKeyPart(user));
}
