// How times, counts and whatever else the server says are written.

import { locale } from "./texts.js";

/** An RFC 3339 time in the operator's zone. */
export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return String(text);
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }).format(date);
}

/** Seconds as `3 d 4 h`, `4 h 5 min` or `6 s`. */
export function span(seconds) {
  const parts = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const words = [];
  let left = Math.max(0, Math.trunc(seconds));
  for (const [size, name] of parts) {
    if (left >= size && words.length < 2) words.push(`${Math.floor(left / size)} ${name}`);
    left %= size;
  }
  return words.join(" ") || "0 s";
}

/** A value of JSON on one line, or indented. */
export function shown(value) {
  if (value === null) return "–";
  return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

/** The bytes of base64 as text, indented where they are JSON. */
export function readable(base64) {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** What a field of the kind `datetime-local` holds, as RFC 3339; undefined for nothing. */
export function instant(local) {
  const date = new Date(local);
  return local === "" || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** RFC 3339 as a field of the kind `datetime-local` wants it, in the operator's zone. */
export function localInput(text) {
  const date = new Date(text ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}
