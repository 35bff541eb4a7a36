// What passes between the server and the simulated WeChat, read from the simulator's events.

import { events } from "../control.js";
import { h } from "../dom.js";
import { pretty, shortPath, timeOfDay } from "../format.js";
import { hasText, t } from "../texts.js";

const KEPT = 300;
const PERIOD_MS = 1000;

const SETTINGS = ["keys", "clock", "faults", "rules"];
const OF_WECHAT = ["refund_decided", "shipping_management", "subscribe_message"];
const DIRECTIONS = { wechat_called: "out", notification: "in", push: "in" };

function outcome({ kind, data }) {
  if (DIRECTIONS[kind] === undefined) return null;
  if (DIRECTIONS[kind] === "in" && data.sent_at === null) return { text: t("event_lost"), mood: "bad" };
  if (data.status === null || data.status === undefined) return { text: "—", mood: "bad" };
  const isBad = data.status >= 400 || data.error;
  return { text: String(data.error ?? data.status), mood: isBad ? "bad" : "good" };
}

function speaker(kind) {
  if (SETTINGS.includes(kind)) return "setting";
  return OF_WECHAT.includes(kind) ? "wechat" : "phone";
}

// One line for each event: whose words, what, and how it ended.
function headline(event) {
  const { kind, data } = event;
  if (kind === "wechat_called") return { word: data.method, path: shortPath(data.path) };
  if (kind === "notification") return { word: "POST", path: shortPath(`${data.out_refund_no ?? data.out_trade_no} #${data.attempt}`) };
  if (kind === "push") return { word: "POST", path: shortPath(`${data.title} #${data.attempt}`) };
  const word = t(`event_word_${speaker(kind)}`);
  return { word, path: hasText(`event_${kind}`) ? t(`event_${kind}`) : event.title };
}

function summary(event) {
  const { word, path } = headline(event);
  const direction = DIRECTIONS[event.kind];
  const result = outcome(event);
  const ms = event.data?.duration_ms;
  return h("summary", {},
    h("span", { class: `log-method method-${direction ?? "note"}` }, word),
    h("span", { class: "log-path" }, path),
    result ? h("span", { class: `log-status ${result.mood}` }, result.text) : null,
    h("span", { class: "log-under" },
      h("span", {}, timeOfDay(new Date(event.at))),
      direction ? h("span", { class: `log-direction direction-${direction}` }, t(`event_${direction}`)) : null,
      (event.data?.faults ?? []).map((fault) => h("span", { class: "log-code" }, fault)),
      direction && typeof ms === "number" ? h("span", { class: "log-ms" }, `${ms} ms`) : null));
}

function line(event) {
  const body = h("div", { class: "log-body" });
  const status = event.data?.status ?? "";
  const data = { kind: event.kind, status: String(status), faults: (event.data?.faults ?? []).join(" "), refund: event.data?.out_refund_no ?? "" };
  const element = h("details", { class: "log-line", testid: "event", data },
    summary(event), body);
  element.addEventListener("toggle", () => {
    body.replaceChildren(...(element.open ? [h("p", { class: "log-title" }, event.title), h("pre", { tabindex: "0" }, pretty(event.data))] : []));
  });
  return element;
}

/** The view of events; reads them while the page is looked at. `seen` hears of every batch. */
export function createEvents(view, seen) {
  const list = h("div", { class: "log", testid: "events" });
  const title = h("h2", {});
  const empty = h("p", { class: "view-empty" });
  const trouble = h("p", { class: "view-trouble", role: "status" });
  let kept = [];
  let last = 0;

  function drawTexts() {
    title.textContent = t("wechat_title");
    empty.textContent = t("wechat_empty");
    trouble.textContent = t("wechat_unreachable");
    list.replaceChildren(...kept.map(line));
  }

  async function read() {
    try {
      const answer = await events(last);
      // A simulator that was started anew counts from the beginning.
      last = answer.last_sequence < last ? 0 : answer.last_sequence;
      trouble.hidden = true;
      if (answer.items.length === 0) return;
      const fresh = answer.items.toReversed();
      kept = [...fresh, ...kept].slice(0, KEPT);
      list.prepend(...fresh.map(line));
      while (list.childElementCount > KEPT) list.lastElementChild.remove();
      empty.hidden = true;
      seen(answer.items);
    } catch {
      trouble.hidden = false;
    }
  }

  async function watch() {
    if (document.visibilityState === "visible") await read();
    setTimeout(watch, PERIOD_MS);
  }

  trouble.hidden = true;
  view.replaceChildren(h("div", { class: "view-head" }, title), trouble, empty, list);
  drawTexts();
  watch();
  return { drawTexts };
}
