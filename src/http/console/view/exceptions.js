// The named differences: what happened, what to do, and that somebody is done with it.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { badge, facts, field, figures, form, id, link, more, pager, select, time, toast } from "../part.js";
import { hasText, t } from "../texts.js";

// The server's words are for the person who looks into it, and say what to do.
function card(exception, again) {
  const { id: name, kind, order_id: order, detail, evidence, status } = exception;
  const note = h("textarea", { name: "resolution", rows: "2", maxlength: "2000", testid: "resolution" });
  const act = async (data) => {
    const resolution = data.get("resolution").trim();
    if (resolution === "") throw new Error(t("resolution_missing"));
    await ask("POST", `exceptions/${name}/resolve`, { body: { resolution } });
    toast(t("resolved"));
    await again();
  };
  return h("section", { class: "card", testid: "exception", data: { id: name, kind, status } },
    h("h2", {}, hasText(`exception_${kind}`) ? t(`exception_${kind}`) : kind, badge(status)),
    h("p", {}, detail),
    facts([
      [t("kind"), kind],
      [t("made_at"), time(exception.created_at)],
      [t("order"), id(order, order && link(`orders/${order}`))],
      exception.resolved_at && [t("resolved_at"), time(exception.resolved_at)],
      exception.resolution && [t("resolution"), h("span", { class: "said" }, exception.resolution)],
    ]),
    kind === "event_undelivered" && evidence.event_id && h("p", {}, h("a", { href: link("events", { id: evidence.event_id }) }, t("see_event"))),
    more(t("evidence"), figures(evidence)),
    status === "open" && more(t("resolve"), hasText(`resolve_${kind}`) && h("p", { class: "note" }, t(`resolve_${kind}`)),
      form({ testid: "resolve", submit: t("resolve") }, act, field(t("resolution"), note, t("resolution_hint")))));
}

/** `#/exceptions`: the open ones, unless the address says otherwise. */
export async function showExceptions({ query, put, again }) {
  const status = query.status ?? "open";
  const page = await ask("GET", "exceptions", { query: { ...query, status: status === "all" ? undefined : status } });
  const choose = (data) => {
    location.hash = link("exceptions", { status: data.get("status"), kind: data.get("kind").trim(), order_id: data.get("order_id").trim() });
  };
  const choices = [["open", t("state_open")], ["resolved", t("state_resolved")], ["all", t("any")]];
  const input = (name) => h("input", { name, value: query[name] ?? "", autocomplete: "off", spellcheck: "false" });
  put(
    form({ submit: t("search"), isMain: false }, choose, h("div", { class: "fields" },
      field(t("status"), select("status", status, choices, "exception-status")),
      field(t("kind"), input("kind")), field(t("order_id"), input("order_id")))),
    h("div", { class: "stack", testid: "exceptions" }, page.items.length === 0
      ? h("p", { class: "empty", testid: "exceptions-empty" }, t("exceptions_none"))
      : page.items.map((exception) => card(exception, again))),
    pager("exceptions", query, page.next_cursor));
}
