// The list of what the phones asked: every wx.request, and the wx calls that WeChat itself answers.

import { h } from "../dom.js";
import { pretty, shortPath, timeOfDay } from "../format.js";
import { t } from "../texts.js";

const KEPT = 200;

// Enough of a token to tell two apart, too little to use.
function shown(name, value) {
  const isToken = name.toLowerCase() === "authorization";
  return isToken ? value.replace(/^(Bearer .{6}).*(.{4})$/, "$1…$2") : value;
}

function headerText(header) {
  return Object.entries(header).map(([name, value]) => `${name}: ${shown(name, String(value))}`).join("\n");
}

// Data first: what a body says matters more than what its envelope says.
function section(label, text) {
  return text ? h("div", { class: "log-part" }, h("h4", {}, label), h("pre", { tabindex: "0" }, text)) : null;
}

function statusClass(entry) {
  if (entry.outcome) return entry.outcome === "ok" ? "good" : "bad";
  if (entry.status >= 500) return "bad";
  return entry.status >= 400 ? "warn" : "good";
}

function ended(entry) {
  const text = entry.outcome ?? String(entry.status);
  return h("span", { class: `log-status ${statusClass(entry)}`, testid: "log-status" }, text);
}

function summary(entry) {
  const state = entry.ms === null ? h("span", { class: "log-status waiting" }, h("span", { class: "spinner" }), h("span", { class: "unseen" }, t("request_pending"))) : ended(entry);
  return [
    h("span", { class: `log-method method-${entry.method.toLowerCase()}` }, entry.method),
    h("span", { class: "log-path", testid: "log-path" }, shortPath(entry.path)),
    state,
    h("span", { class: "log-under" },
      h("span", {}, timeOfDay(entry.at)),
      h("span", { dir: "auto" }, entry.user.nickname),
      entry.code ? h("span", { class: "log-code", testid: "log-code" }, entry.code) : null,
      entry.ms === null ? null : h("span", { class: "log-ms" }, `${entry.ms} ms`)),
  ];
}

// Bodies are built when somebody opens the line, and again if the answer comes while it is open.
function details(entry) {
  return [
    section(t("request_line"), shortPath(entry.path) === entry.path ? "" : entry.path),
    section(t("request_body"), pretty(entry.request)),
    section(t("response_body"), pretty(entry.response)),
    section(t("request_headers"), entry.header ? headerText(entry.header) : ""),
    section(t("response_headers"), entry.responseHeader ? headerText(entry.responseHeader) : ""),
  ].filter((part) => part !== null);
}

function line(entry) {
  const head = h("summary", {});
  const body = h("div", { class: "log-body" });
  const element = h("details", { class: "log-line", testid: "log-line" }, head, body);
  const draw = () => {
    element.dataset.kind = entry.kind;
    element.dataset.user = entry.user.user_id;
    element.dataset.path = entry.path;
    element.dataset.method = entry.method;
    element.dataset.status = entry.ms === null ? "" : String(entry.status ?? entry.outcome);
    head.replaceChildren(...summary(entry));
    body.replaceChildren(...(element.open ? details(entry) : []));
  };
  element.addEventListener("toggle", draw);
  draw();
  return { element, draw };
}

/** The view of requests; `begin` notes a call, its answer's `end` what came of it. */
export function createJournal(view, counted) {
  const list = h("div", { class: "log", testid: "requests" });
  const title = h("h2", {});
  const empty = h("p", { class: "view-empty" });
  const clear = h("button", { type: "button", class: "text-button", testid: "requests-clear" });
  let lines = [];

  function recount() {
    empty.hidden = lines.length > 0;
    clear.hidden = lines.length === 0;
    counted(lines.length);
  }

  function drawTexts() {
    title.textContent = t("requests_title");
    empty.textContent = t("requests_empty");
    clear.textContent = t("requests_clear");
    for (const { draw } of lines) draw();
  }

  clear.addEventListener("click", () => {
    lines = [];
    list.replaceChildren();
    recount();
  });
  view.replaceChildren(h("div", { class: "view-head" }, title, clear), empty, list);
  recount();
  drawTexts();

  return {
    drawTexts,
    begin(call, user) {
      const started = performance.now();
      const entry = { ...call, user, at: new Date(), ms: null };
      const drawn = line(entry);
      lines.unshift(drawn);
      list.prepend(drawn.element);
      for (const old of lines.splice(KEPT)) old.element.remove();
      recount();
      return {
        end(outcome) {
          Object.assign(entry, outcome, { ms: Math.round(performance.now() - started) });
          drawn.draw();
        },
      };
    },
  };
}
