// The parts that views are made of.

import { Refusal } from "./api.js";
import { h, icon } from "./dom.js";
import { moment, shown } from "./format.js";
import { hasText, t } from "./texts.js";

const TOAST_MS = 4_000;
const COPY = "M9 9h10v10H9zM15 9V5H5v10h4";
let toastTimer = 0;

/** The address of a view, with what is set of `query`. */
export function link(path, query = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(set).toString();
  return `#/${path}${search === "" ? "" : `?${search}`}`;
}

/** Says something in passing. */
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.replaceChildren(), TOAST_MS);
}

/** A time in the operator's zone, the time in UTC as its title. */
export function time(text) {
  if (text === null || text === undefined) return h("span", { class: "muted" }, "–");
  return h("time", { datetime: text, title: `${text} (UTC)` }, moment(text));
}

/** A word of the server, in the operator's language where it is known. */
export function word(prefix, name) {
  return hasText(`${prefix}_${name}`) ? t(`${prefix}_${name}`) : name;
}

const TONES = {
  ok: "good", paid: "good", succeeded: "good", balanced: "good", resolved: "good", settled: "good", uploaded: "good",
  degraded: "warn", open: "warn", processing: "info", running: "info", awaiting_payment: "info", duplicate: "info",
  partially_refunded: "warn", refunded: "warn", differing: "bad", failed: "bad", down: "bad", abnormal: "bad", refused: "bad",
};

/** A state as a small label. */
export function badge(state, testid) {
  return h("span", { class: `badge ${TONES[state] ?? "plain"}`, testid, data: { state } }, word("state", state));
}

/** An id with a button that copies it. */
export function id(text, href) {
  if (text === null || text === undefined) return h("span", { class: "muted" }, "–");
  const said = href ? h("a", { href }, text) : h("span", {}, text);
  const copy = h("button", { type: "button", class: "copy", title: t("copy"), "aria-label": `${t("copy")}: ${text}`, on: {
    click: () => copyText(text, said),
  } }, icon(COPY));
  return h("span", { class: "id" }, said, copy);
}

// Over plain http a page has no clipboard: the text is selected then, ready to be copied by hand.
async function copyText(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    getSelection().selectAllChildren(element);
    toast(t("selected"));
  }
}

/** What went wrong, in words that say what to do next. */
export function reason(error) {
  if (!(error instanceof Refusal)) return String(error?.message ?? error);
  const parts = [];
  if (error.status === 0) parts.push(t("error_network"));
  else if (error.status === 429) parts.push(t("error_rate", { s: error.retryAfter ?? "?" }));
  else parts.push(error.message);
  for (const wrong of error.errors) parts.push(`${wrong.pointer}: ${wrong.detail}`);
  if (error.code) parts.push(`(${error.code}${error.instance ? `, ${error.instance}` : ""})`);
  return parts.join(" ");
}

/** A line that tells of trouble; hidden until it has something to say. */
export function trouble(testid = "trouble") {
  const line = h("p", { class: "trouble", role: "alert", testid, hidden: true });
  return {
    line,
    say(error) {
      line.textContent = error === null ? "" : typeof error === "string" ? error : reason(error);
      line.hidden = error === null;
    },
  };
}

/** A labelled field. */
export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", {}, label), input, hint && h("small", { class: "muted" }, hint));
}

/** A choice; `options` are pairs of value and text. */
export function select(name, value, options, testid) {
  const choice = h("select", { name, testid }, ...options.map(([one, text]) => h("option", { value: one }, text)));
  choice.value = value ?? "";
  return choice;
}

/** A form whose button rests while `act` runs, so that a double click sends nothing twice. */
export function form({ testid, submit, isMain = true }, act, ...children) {
  const failed = trouble(testid ? `${testid}-trouble` : undefined);
  const button = h("button", { class: isMain ? "primary" : "", testid: testid && `${testid}-submit` }, submit);
  const element = h("form", { class: "form", testid, novalidate: true, on: {
    submit: async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      failed.say(null);
      try {
        await act(new FormData(element));
      } catch (error) {
        failed.say(error);
      } finally {
        button.disabled = false;
      }
    },
  } }, ...children, h("div", { class: "actions" }, button), failed.line);
  return element;
}

/** A button that does something that takes a while; `failed` tells what went wrong. */
export function button(text, act, { failed, testid, kind = "" } = {}) {
  const element = h("button", { type: "button", class: kind, testid, on: {
    click: async () => {
      element.disabled = true;
      failed?.say(null);
      try {
        await act();
      } catch (error) {
        failed?.say(error);
      } finally {
        element.disabled = false;
      }
    },
  } }, text);
  return element;
}

/** A table that becomes a list of cards on a narrow screen. `columns` are titles; a row is a list of cells. */
export function table(columns, rows, { testid, name } = {}) {
  const head = h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column)));
  const body = rows.map(({ cells, data, testid: row }) =>
    h("tr", { testid: row, data }, ...cells.map((cell, at) => h("td", { data: { column: columns[at] } }, cell))));
  if (rows.length === 0) return h("p", { class: "empty", testid: testid && `${testid}-empty` }, t("nothing"));
  return h("table", { testid, "aria-label": name }, h("thead", {}, head), h("tbody", {}, ...body));
}

/** The way to the next page, and back to the first. */
export function pager(path, query, next) {
  const isFirst = !query.cursor;
  if (isFirst && next === null) return null;
  return h("nav", { class: "pager", "aria-label": t("pages") },
    !isFirst && h("a", { href: link(path, { ...query, cursor: undefined }) }, t("page_first")),
    next !== null && h("a", { href: link(path, { ...query, cursor: next }), testid: "next-page" }, t("page_next")));
}

/** Names and values. */
export function facts(pairs) {
  const known = pairs.filter(Boolean);
  return h("dl", { class: "facts" }, ...known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Figures of the server under their own names. */
export function figures(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== null);
  if (pairs.length === 0) return null;
  const isDeep = (value) => typeof value === "object" && Object.keys(value).length > 0;
  const line = ([name, value]) => (isDeep(value)
    ? h("div", { class: "deep" }, h("dt", {}, name), h("dd", {}, more(String(Object.keys(value).length), h("pre", { tabindex: "0" }, shown(value)))))
    : h("div", {}, h("dt", {}, name), h("dd", {}, typeof value === "object" ? "0" : shown(value))));
  return h("dl", { class: "figures" }, ...pairs.map(line));
}

/** What is seen only when it is wanted. */
export function more(title, ...children) {
  return h("details", {}, h("summary", {}, title), ...children);
}

/** A part of a view with a heading. */
export function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), ...children);
}
