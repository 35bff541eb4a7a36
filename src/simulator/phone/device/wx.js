// The `wx` object of a mini program: the part of WeChat's API that a shop needs, with WeChat's own names,
// options and results. Where the real one talks to WeChat, this one talks to the simulator's control API.
// Source of the shapes: the mini-program API reference (wx.request, wx.login, wx.requestPayment, wx.getWeRunData,
// wx.requestSubscribeMessage).

import * as control from "../control.js";
import { t } from "../texts.js";
import { openCashier } from "./cashier.js";

// The real list, but for TRACE and CONNECT: there is no PATCH ("request:fail method is invalid").
const METHODS = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE"];
const DEFAULT_TIMEOUT_MS = 60_000;

class WxFailure extends Error {}

// Every API ends the same way: success or fail, then complete, each with an errMsg.
function settle(option, work) {
  work.then(
    (result) => {
      option.success?.(result);
      option.complete?.(result);
    },
    (error) => {
      const result = { errMsg: error instanceof WxFailure ? error.message : `fail ${error.message}` };
      option.fail?.(result);
      option.complete?.(result);
    },
  );
}

async function login(phone) {
  const entry = phone.log.begin({ kind: "wx", method: "wx", path: "wx.login" });
  try {
    const code = await control.loginCode(phone.user.user_id);
    const result = { errMsg: "login:ok", code };
    entry.end({ outcome: "ok", response: result });
    return result;
  } catch (error) {
    const errMsg = `login:fail ${error.message}`;
    entry.end({ outcome: "fail", response: { errMsg } });
    throw new WxFailure(errMsg);
  }
}

async function getWeRunData(phone) {
  const entry = phone.log.begin({ kind: "wx", method: "wx", path: "wx.getWeRunData" });
  try {
    const result = { errMsg: "getWeRunData:ok", ...(await control.openData(phone.user.user_id, "werun")) };
    entry.end({ outcome: "ok", response: result });
    return result;
  } catch (error) {
    const errMsg = `getWeRunData:fail ${error.message}`;
    entry.end({ outcome: "fail", response: { errMsg } });
    throw new WxFailure(errMsg);
  }
}

async function requestSubscribeMessage(phone, { tmplIds }) {
  const entry = phone.log.begin({ kind: "wx", method: "wx", path: "wx.requestSubscribeMessage", request: { tmplIds } });
  try {
    const { confirm } = await phone.modal({ title: t("subscribe_ask"), content: t("subscribe_ask_hint"), confirmText: t("phone_allow") });
    const result = await control.subscribePopup(phone.user.user_id, tmplIds, confirm ? "accept" : "reject");
    entry.end({ outcome: confirm ? "ok" : "fail", response: result });
    return result;
  } catch (error) {
    const errMsg = `requestSubscribeMessage:fail ${error.message}`;
    entry.end({ outcome: "fail", response: { errMsg } });
    throw new WxFailure(errMsg);
  }
}

function target(option, method) {
  const url = new URL(option.url);
  if (method === "GET" && option.data && typeof option.data === "object") {
    for (const [name, value] of Object.entries(option.data)) url.searchParams.append(name, String(value));
  }
  return url.pathname + url.search;
}

function parsed(text, option) {
  if ((option.dataType ?? "json") !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function send(path, method, header, body, timeoutMs) {
  const response = await fetch(`/phone/request${path}`, {
    method,
    headers: header,
    body,
    cache: "no-store",
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { response, text: await response.text() };
}

// Why the forwarding stack got no answer: on a real phone that is a `fail`, and the page is not told the reason.
const noAnswerReason = (response) => response.headers.get("x-phone-error");

async function request(phone, option) {
  const method = (option.method ?? "GET").toUpperCase();
  if (!METHODS.includes(method)) throw new WxFailure("request:fail method is invalid");
  const path = target(option, method);
  const header = { "content-type": "application/json", ...option.header };
  const hasBody = method !== "GET" && method !== "HEAD" && option.data !== undefined;
  const body = hasBody ? (typeof option.data === "string" ? option.data : JSON.stringify(option.data)) : undefined;
  const entry = phone.log.begin({ kind: "request", method, path, header, request: hasBody ? option.data : undefined });
  let reason = null;
  try {
    const { response, text } = await send(path, method, header, body, option.timeout ?? DEFAULT_TIMEOUT_MS);
    reason = noAnswerReason(response);
    if (reason !== null) throw new WxFailure("request:fail");
    const data = parsed(text, option);
    const responseHeader = Object.fromEntries(response.headers.entries());
    entry.end({ status: response.status, code: data?.code, responseHeader, response: data });
    return { errMsg: "request:ok", statusCode: response.status, data, header: responseHeader, cookies: [] };
  } catch (error) {
    const errMsg = error.name === "TimeoutError" ? "request:fail timeout" : "request:fail";
    entry.end({ outcome: "fail", code: reason, response: { errMsg } });
    throw new WxFailure(errMsg);
  }
}

async function requestPayment(phone, option) {
  const { timeStamp, nonceStr, package: prepay, signType, paySign } = option;
  const parameters = { timeStamp, nonceStr, package: prepay, signType, paySign };
  const entry = phone.log.begin({ kind: "wx", method: "wx", path: "wx.requestPayment", request: parameters });
  let errMsg;
  try {
    const cashier = await control.requestPayment(phone.user.user_id, parameters);
    errMsg = await openCashier(phone, cashier);
  } catch (error) {
    errMsg = error.body?.errMsg ?? `requestPayment:fail ${error.message}`;
  }
  const isOk = errMsg === "requestPayment:ok";
  entry.end({ outcome: isOk ? "ok" : "fail", response: { errMsg } });
  if (!isOk) throw new WxFailure(errMsg);
  return { errMsg };
}

function storage(userId) {
  const prefix = `weir.phone.user.${userId}.`;
  return {
    setStorageSync: (key, data) => localStorage.setItem(prefix + key, JSON.stringify(data)),
    getStorageSync: (key) => {
      const text = localStorage.getItem(prefix + key);
      return text === null ? "" : JSON.parse(text);
    },
    removeStorageSync: (key) => localStorage.removeItem(prefix + key),
  };
}

/** The `wx` of one phone. `phone` is `{user, isInHand, log, toast, modal, route, overlay}`. */
export function createWx(phone) {
  return {
    login: (option = {}) => settle(option, login(phone)),
    request: (option) => settle(option, request(phone, option)),
    getWeRunData: (option = {}) => settle(option, getWeRunData(phone)),
    requestSubscribeMessage: (option) => settle(option, requestSubscribeMessage(phone, option)),
    requestPayment: (option) => settle(option, requestPayment(phone, option)),
    showToast: (option) => phone.toast(option),
    showModal: (option) => settle(option, phone.modal(option)),
    setClipboardData: (option) =>
      settle(option, navigator.clipboard.writeText(option.data).then(() => ({ errMsg: "setClipboardData:ok" }))),
    navigateTo: (option) => phone.route.push(option.url),
    redirectTo: (option) => phone.route.replace(option.url),
    switchTab: (option) => phone.route.replace(option.url),
    navigateBack: () => phone.route.back(),
    ...storage(phone.user.user_id),
  };
}
