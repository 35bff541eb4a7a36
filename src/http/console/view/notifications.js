// The flight recorder: what WeChat sent, what became of it, and running it again.

import { ask } from "../api.js";
import { confirmed } from "../dialog.js";
import { h } from "../dom.js";
import { instant, localInput, readable } from "../format.js";
import { badge, button, facts, field, form, id, link, pager, section, table, time, toast, trouble } from "../part.js";
import { t } from "../texts.js";

/** `#/notifications` */
export async function showNotifications({ query, put }) {
  const page = await ask("GET", "notifications", { query });
  const rows = page.items.map((one) => ({
    testid: "notification-row",
    data: { id: one.id, verdict: one.verdict },
    cells: [
      h("a", { href: link(`notifications/${one.id}`), testid: "notification-link" }, time(one.received_at)),
      badge(one.verdict),
      one.moved ? `${one.moved.from} → ${one.moved.to}` : "–",
      id(one.order_id, one.order_id && link(`orders/${one.order_id}`)),
      one.replay_of ? t("was_replayed") : "WeChat",
    ],
  }));
  const choose = (data) => {
    location.hash = link("notifications", {
      verdict: data.get("verdict").trim(),
      order_id: data.get("order_id").trim(),
      received_from: instant(data.get("received_from")),
      received_before: instant(data.get("received_before")),
    });
  };
  const input = (name, type = "text") => h("input", { name, type, autocomplete: "off", spellcheck: "false",
    value: type === "text" ? query[name] ?? "" : localInput(query[name]) });
  put(
    form({ submit: t("search"), isMain: false }, choose, h("div", { class: "fields" },
      field(t("verdict"), input("verdict"), t("verdict_hint")), field(t("order_id"), input("order_id")),
      field(t("received_from"), input("received_from", "datetime-local")),
      field(t("received_before"), input("received_before", "datetime-local")))),
    table([t("received_at"), t("verdict"), t("moved"), t("order"), t("source")], rows, { testid: "notifications", name: t("nav_notifications") }),
    pager("notifications", query, page.next_cursor));
}

function difference(replayed) {
  const rows = replayed.changes.map((change) => ({
    testid: "change",
    cells: [change.what, id(change.name), change.from ?? "–", change.to ?? "–"],
  }));
  return h("div", { testid: "replayed", data: { applied: String(replayed.applied) } },
    facts([[t("verdict"), badge(replayed.verdict)], [t("applied"), t(replayed.applied ? "yes" : "no")]]),
    replayed.detail !== null && h("p", {}, replayed.detail),
    rows.length === 0
      ? h("p", { class: "empty", testid: "no-change" }, t("replay_nothing"))
      : table([t("what"), t("name"), t("before"), t("after")], rows, { name: t("replay_changes") }));
}

// Applied only after the dry result was seen: until then there is no button for it.
function replayPart(one) {
  const failed = trouble("replay-trouble");
  const result = h("div", {});
  const run = (apply) => ask("POST", `notifications/${one}/replay`, { body: { apply } });
  const apply = async () => {
    const isSure = await confirmed({ title: t("replay_apply"), lines: [t("replay_apply_words")], yes: t("replay_apply") });
    if (!isSure) return;
    result.replaceChildren(difference(await run(true)));
    toast(t("replay_applied"));
  };
  const dry = async () => {
    result.replaceChildren(difference(await run(false)), button(t("replay_apply"), apply, { failed, testid: "replay-apply", kind: "danger" }));
  };
  return section(t("replay"), h("p", {}, t("replay_words")), button(t("replay_dry"), dry, { failed, testid: "replay-dry" }), failed.line, result);
}

/** `#/notifications/ID` */
export async function showNotification({ id: wanted, put }) {
  const one = await ask("GET", `notifications/${encodeURIComponent(wanted)}`);
  const headers = one.headers.map(([name, value]) => ({ cells: [name, h("code", {}, value)] }));
  put(
    h("p", {}, badge(one.verdict, "verdict"), " ", one.detail),
    facts([
      [t("received_at"), time(one.received_at)],
      [t("wechat_clock"), time(one.own_clock)],
      [t("believed"), t(one.is_believed ? "yes" : "no")],
      [t("order"), id(one.order_id, one.order_id && link(`orders/${one.order_id}`))],
      one.moved && [t("moved"), `${one.moved.event}: ${one.moved.from} → ${one.moved.to}`],
      [t("notify_id"), id(one.notify_id)],
      [t("serial"), id(one.serial)],
      one.replay_of && [t("replay_of"), id(one.replay_of, link(`notifications/${one.replay_of}`))],
      one.replayed_by && [t("replayed_by"), one.replayed_by],
    ]),
    replayPart(one.id),
    section(t("headers"), table([t("name"), t("value")], headers, { testid: "headers", name: t("headers") })),
    section(t("body"), !one.is_body_whole && h("p", { class: "note" }, t("body_cut")),
      h("pre", { tabindex: "0", testid: "body" }, readable(one.body_base64))));
}
