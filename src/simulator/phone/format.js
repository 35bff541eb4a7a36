// How numbers, money and times are written. Money stays an integer count of fen.

import { locale } from "./texts.js";

/** `1234` -> `12.34`, without a floating-point number in between. */
export function yuan(fen) {
  const digits = String(Math.abs(fen)).padStart(3, "0");
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${fen < 0 ? "-" : ""}${whole}.${digits.slice(-2)}`;
}

/** An RFC 3339 time as a person writes it, in the time zone of the phone. */
export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return String(text);
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }).format(date);
}

/** A count with its thousands apart. */
export function whole(number) {
  return new Intl.NumberFormat(locale()).format(number);
}

/** The day of the week of a time in seconds, in China, where WeChat's days begin. */
export function dayOf(seconds) {
  return new Intl.DateTimeFormat(locale(), { weekday: "short", timeZone: "Asia/Shanghai" }).format(new Date(seconds * 1000));
}

/** The time of day with seconds, for logs. */
export function timeOfDay(date) {
  return new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format(date);
}

/** Whole seconds as `mm:ss` or `h:mm:ss`. */
export function countdown(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const tail = `${two(minutes % 60)}:${two(seconds % 60)}`;
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${tail}` : tail;
}

/** A path with its long ids cut to what tells them apart. */
export function shortPath(path) {
  return path.replace(/[0-9a-fA-F-]{20,}/g, (id) => `${id.slice(0, 4)}…${id.slice(-4)}`);
}

/** JSON indented for reading; anything else as it is. */
export function pretty(value) {
  if (value === undefined || value === null || value === "") return "";
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, 2);
}
