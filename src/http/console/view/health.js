// Every check of the server, asked again every few seconds while somebody looks.

import { ask } from "../api.js";
import { h } from "../dom.js";
import { span } from "../format.js";
import { badge, button, facts, figures, link, time } from "../part.js";
import { hasText, t } from "../texts.js";

const PAUSE_MS = 5_000;

// Where an operator looks next.
const FURTHER = {
  notifications: "notifications", orders: "orders", refunds: "exceptions", shipments: "exceptions", events: "events",
};

function card(name, { status, detail, ...rest }) {
  const title = hasText(`check_${name}`) ? t(`check_${name}`) : name;
  return h("section", { class: "card", testid: `check-${name}`, data: { status } },
    h("h2", {}, FURTHER[name] ? h("a", { href: link(FURTHER[name]) }, title) : title, badge(status)),
    h("p", {}, detail), figures(rest));
}

/** `#/health` */
export async function showHealth({ put, signal, failed }) {
  let timer = 0;
  const look = button(t("refresh"), () => refresh(), { failed, testid: "refresh", kind: "small" });
  const refresh = async () => {
    const health = await ask("GET", "health");
    if (signal.aborted) return;
    failed.say(null);
    // Trouble first.
    const weight = { down: 0, degraded: 1, ok: 2 };
    const checks = Object.entries(health.checks).sort(([, one], [, other]) => weight[one.status] - weight[other.status]);
    const isFocused = document.activeElement === look;
    put(
      h("div", { class: "line" }, badge(health.status, "health-status"), look),
      facts([[t("version"), health.version], [t("uptime"), span(health.uptime_s)], [t("as_of"), time(new Date().toISOString())]]),
      h("div", { class: "cards" }, ...checks.map(([name, check]) => card(name, check))));
    if (isFocused) look.focus({ preventScroll: true });
  };
  const wait = () => {
    timer = setTimeout(async () => {
      // What is selected, opened or focused there would be lost under the hand.
      const isBusy = document.hidden || !getSelection().isCollapsed || document.querySelector(".cards details[open], .cards :focus") !== null;
      if (!isBusy) await refresh().catch((error) => failed.say(error));
      if (!signal.aborted) wait();
    }, PAUSE_MS);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  await refresh().catch((error) => {
    put(look);
    failed.say(error);
  });
  if (!signal.aborted) wait();
}
