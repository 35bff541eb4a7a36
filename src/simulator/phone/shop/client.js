// The mini program's way to its server. Knows nothing but `wx`.
//
// The rules a phone has to keep: one login at a time however many callers wait for it; a 401 means log in again
// once and repeat the request once; what a person is told hangs on the `code` of the problem document.

import { hasText, t } from "../texts.js";

// The simulator sends every request on to the server it belongs to, so that only the path matters here.
const SERVER = "https://server.invalid";

/** A request that did not end well: a problem document (`code`, `status`) or no answer at all (`errMsg`). */
export class Failure extends Error {
  constructor({ status = 0, problem = null, errMsg = "", retryAfterS = null }) {
    super(problem?.code ?? errMsg);
    this.status = status;
    this.code = problem?.code ?? null;
    this.problem = problem;
    this.errMsg = errMsg;
    this.retryAfterS = retryAfterS;
  }

  /** The sentence for the person who holds the phone. */
  sentence() {
    const wait = this.retryAfterS === null ? "" : ` ${t("problem_wait", { n: this.retryAfterS })}`;
    return this.reason() + wait;
  }

  reason() {
    if (this.code && hasText(`problem_${this.code}`)) return t(`problem_${this.code}`);
    if (this.errMsg.endsWith("timeout")) return t("problem_timeout");
    if (this.errMsg) return t("problem_network");
    return t("problem_unknown");
  }
}

/** A `wx` API with callbacks as a promise. */
export function promised(api, option = {}) {
  return new Promise((success, fail) => api({ ...option, success, fail }));
}

/**
 * A key that this user has not used before: the time, and chance for what falls into the same millisecond. That is
 * enough, since it is looked up among the user's own alone; and it is what a mini program has.
 */
export function newKey() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

/** The client of one phone. */
export function createClient(wx) {
  let loginUnderWay = null;

  const token = () => wx.getStorageSync("token") || null;

  async function send(method, path, { data, header = {} } = {}) {
    let res;
    try {
      res = await promised(wx.request, { url: SERVER + path, method, data, header });
    } catch (failed) {
      throw new Failure({ errMsg: failed.errMsg });
    }
    if (res.statusCode >= 200 && res.statusCode < 300) return res.data;
    const retryAfterS = Number.parseInt(res.header["retry-after"], 10) || null;
    const problem = res.data && typeof res.data === "object" ? res.data : null;
    throw new Failure({ status: res.statusCode, problem, retryAfterS });
  }

  async function loginOnce() {
    const { code } = await promised(wx.login).catch((failed) => {
      throw new Failure({ errMsg: failed.errMsg });
    });
    return send("POST", "/v1/login", { data: { code } });
  }

  async function loginNow() {
    // A refused code is spent; a new one may well be good. More than once would only hammer.
    const session = await loginOnce().catch((failure) => {
      if (failure.code !== "login_code_invalid") throw failure;
      return loginOnce();
    });
    wx.setStorageSync("token", session.token);
    wx.removeStorageSync("signed_out");
    return session;
  }

  function login() {
    loginUnderWay ??= loginNow().finally(() => {
      loginUnderWay = null;
    });
    return loginUnderWay;
  }

  async function call(method, path, option = {}) {
    if (!token()) await login();
    const used = token();
    const withToken = () => ({ ...option, header: { ...option.header, Authorization: `Bearer ${token()}` } });
    try {
      return await send(method, path, withToken());
    } catch (failure) {
      if (failure.status !== 401) throw failure;
      // Another request may have logged in meanwhile: then its token is the one to repeat with. Or it is about to.
      if (token() === used) wx.removeStorageSync("token");
      if (!token()) await login();
      return send(method, path, withToken());
    }
  }

  async function logout(path) {
    await send("DELETE", path, { header: { Authorization: `Bearer ${token()}` } }).catch((failure) => {
      // A session that is over already is as good as ended.
      if (failure.status !== 401) throw failure;
    });
    wx.removeStorageSync("token");
    wx.setStorageSync("signed_out", true);
  }

  return {
    login,
    call,
    /** A request that needs no login. */
    open: send,
    logout: () => logout("/v1/session"),
    logoutEverywhere: () => logout("/v1/sessions"),
    hasSession: () => token() !== null,
    isSignedOut: () => token() === null && wx.getStorageSync("signed_out") === true,
  };
}
