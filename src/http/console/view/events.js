// Events that the owner's other services were not told of.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { badge, field, figures, form, link, section, toast } from "../part.js";
import { t } from "../texts.js";

/** `#/events` */
export async function showEvents({ query, put, again }) {
  const { checks } = await ask("GET", "health");
  const { status, detail, ...rest } = checks.events;
  const resendParked = async (data) => {
    const { pending } = await ask("POST", "events/redeliver", { body: { limit: Number(data.get("limit")) } });
    toast(t("events_pending", { n: pending }));
    await again();
  };
  const resendOne = async (data) => {
    await ask("POST", `events/${encodeURIComponent(data.get("id").trim())}/redeliver`);
    toast(t("events_pending", { n: 1 }));
    await again();
  };
  const limit = h("input", { name: "limit", type: "number", min: "1", max: "1000", value: "100", testid: "events-limit" });
  const one = h("input", { name: "id", value: query.id ?? "", autocomplete: "off", spellcheck: "false", testid: "event-id" });
  put(
    h("section", { class: "card", testid: "events-state" }, h("p", {}, badge(status), " ", detail), figures(rest),
      h("p", {}, h("a", { href: link("exceptions", { kind: "event_undelivered" }) }, t("events_parked")))),
    section(t("events_resend_parked"), h("p", {}, t("events_resend_words")),
      form({ testid: "events-parked", submit: t("events_resend") }, resendParked, field(t("events_limit"), limit))),
    section(t("events_resend_one"),
      form({ testid: "events-one", submit: t("events_resend") }, resendOne, field(t("event_id"), one))));
}
