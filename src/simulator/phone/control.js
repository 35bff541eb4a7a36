// The simulator's control API: what a real phone gets from WeChat itself, and the fault switches.

/** A refusal of the control API: `status` and the JSON body it came with. */
export class ControlError extends Error {
  constructor(status, body) {
    super(body?.errMsg ?? body?.message ?? `HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

async function control(method, path, body) {
  const response = await fetch(`/simulator${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  let answer = null;
  try {
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ControlError(response.status, null);
  }
  if (!response.ok) throw new ControlError(response.status, answer);
  return answer;
}

export const users = async () => (await control("GET", "/users")).items;
export const newUser = (nickname) => control("POST", "/users", { nickname });
export const loginCode = async (userId) => (await control("POST", "/login-codes", { user_id: userId })).code;
export const phoneCode = async (userId) => (await control("POST", "/phone-codes", { user_id: userId })).code;
/** `{encryptedData, iv}`, and `rawData` and `signature` where WeChat signs too. */
export const openData = (userId, kind) => control("POST", "/open-data", { user_id: userId, kind });
export const requestPayment = (userId, parameters) => control("POST", "/request-payment", { user_id: userId, ...parameters });
export const cashierAction = (cashierId, action) => control("POST", `/cashiers/${encodeURIComponent(cashierId)}`, { action });
/** What `wx.requestSubscribeMessage` hands to the page; `answer` is `accept` or `reject`. */
export const subscribePopup = (userId, templateIds, answer) =>
  control("POST", "/subscribe-popups", { user_id: userId, template_ids: templateIds, answers: Object.fromEntries(templateIds.map((id) => [id, answer])) });
/** The subscribe messages that a person was shown, oldest first. */
export const messages = async (userId) => (await control("GET", `/subscribe-messages?user_id=${encodeURIComponent(userId)}`)).items.filter((message) => message.is_shown);
export const faults = () => control("GET", "/faults");
export const setFaults = (setting) => control("PUT", "/faults", setting);
export const clearFaults = () => control("DELETE", "/faults");
export const rotateKeys = () => control("POST", "/keys/rotate", {});
/** `{"items":[…],"last_sequence"}`, oldest first. */
export const events = (after) => control("GET", `/events?after=${encodeURIComponent(after)}`);
