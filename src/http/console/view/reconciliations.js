// Days compared with WeChat's bills.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { shown } from "../format.js";
import { yuan } from "../money.js";
import { badge, button, facts, field, form, id, link, pager, section, table, time, toast } from "../part.js";
import { hasText, t } from "../texts.js";

const DAY_MS = 86_400_000;

// The day before today in China, where WeChat's days begin: the newest that can be compared.
function yesterdayInChina() {
  return new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", dateStyle: "short" }).format(new Date(Date.now() - DAY_MS));
}

/** `#/reconciliations` */
export async function showReconciliations({ query, put }) {
  const page = await ask("GET", "reconciliations", { query });
  const rows = page.items.map((run) => ({
    testid: "reconciliation-row",
    data: { day: run.bill_date, status: run.status },
    cells: [
      h("a", { href: link(`reconciliations/${run.id}`), testid: "reconciliation-link" }, run.bill_date),
      badge(run.status), String(run.difference_count),
      `${run.payment_count} · ${yuan(run.payment_fen)}`, `${run.refund_count} · ${yuan(run.refund_fen)}`, time(run.created_at),
    ],
  }));
  const day = h("input", { name: "day", type: "date", value: yesterdayInChina(), max: yesterdayInChina(), required: true, testid: "bill-date" });
  const begin = async (data) => {
    const run = await ask("POST", "reconciliations", { body: { bill_date: data.get("day") } });
    toast(t("reconcile_begun"));
    location.hash = link(`reconciliations/${run.id}`);
  };
  put(
    form({ testid: "reconcile", submit: t("reconcile_begin") }, begin, field(t("bill_date"), day, t("bill_date_hint"))),
    table([t("bill_date"), t("status"), t("differences"), t("payments"), t("refunds"), t("made_at")], rows,
      { testid: "reconciliations", name: t("nav_reconciliations") }),
    pager("reconciliations", query, page.next_cursor));
}

/** `#/reconciliations/ID` */
export async function showReconciliation({ id: wanted, query, put, again, failed }) {
  const run = await ask("GET", `reconciliations/${encodeURIComponent(wanted)}`, { query });
  const side = (value) => (value === null ? "–" : h("code", {}, shown(value)));
  const rows = run.differences.map((one) => ({
    testid: "difference",
    cells: [
      h("span", {}, hasText(`difference_${one.kind}`) ? t(`difference_${one.kind}`) : one.kind),
      one.order_id ? id(one.out_trade_no ?? one.order_id, link(`orders/${one.order_id}`)) : id(one.out_trade_no ?? one.out_refund_no ?? one.transaction_id),
      side(one.ours), side(one.theirs), one.proposed_action,
    ],
  }));
  put(
    h("div", { class: "line" }, badge(run.status, "reconciliation-status"), button(t("refresh"), again, { failed, kind: "small" })),
    facts([
      [t("bill_date"), run.bill_date],
      [t("payments"), `${run.payment_count} · ${yuan(run.payment_fen)}`],
      [t("refunds"), `${run.refund_count} · ${yuan(run.refund_fen)}`],
      [t("foreign"), `${run.foreign_count} · ${yuan(run.foreign_fen)}`],
      [t("movements"), String(run.movement_count)],
      [t("tries"), String(run.attempts)],
      run.failure_code && [t("failure_code"), run.failure_code],
      run.next_try_at && [t("next_try_at"), time(run.next_try_at)],
      [t("ended_at"), time(run.finished_at)],
    ]),
    section(`${t("differences")}: ${run.difference_count}`,
      table([t("kind"), t("order"), t("ours"), t("theirs"), t("proposed_action")], rows, { testid: "differences", name: t("differences") })),
    pager(`reconciliations/${run.id}`, query, run.next_cursor));
}
