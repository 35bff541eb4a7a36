// Placing, paying and settling an order, as a mini program has to.

import { Failure, promised } from "./client.js";

const IN_PROGRESS_PAUSES_MS = [600, 1200, 2400];

// The server asks WeChat at most once a second per order; nothing is gained by asking faster.
const PAUSES_AFTER_OK_MS = [0, 1100, 1500, 2000, 3000, 4000];
const PAUSES_AFTER_FAIL_MS = [0, 1100];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Places the order. A repeat of the same order carries the same Idempotency-Key. */
export async function placeOrder(client, cart, body) {
  const attempt = cart.attempt(body);
  const send = () => client.call("POST", "/v1/orders", { data: attempt.body, header: { "Idempotency-Key": attempt.key } });
  for (const ms of IN_PROGRESS_PAUSES_MS) {
    try {
      return await send();
    } catch (failure) {
      if (failure.code === "idempotency_key_reused") cart.forgetAttempt();
      if (failure.code !== "request_in_progress") throw failure;
      await pause(ms);
    }
  }
  return send();
}

/** Opens the cashier for an order; answers `ok`, `cancel` or `fail`, none of which proves anything. */
export async function openCashier(wx, client, orderId) {
  const parameters = await client.call("POST", `/v1/orders/${encodeURIComponent(orderId)}/payment`);
  try {
    await promised(wx.requestPayment, parameters);
    return "ok";
  } catch (failed) {
    if (failed.errMsg === "requestPayment:fail cancel") return "cancel";
    return "fail";
  }
}

/** Asks the server until the order is settled or patience ends; `isWanted` says whether somebody still looks. */
export async function settle(client, orderId, said, isWanted) {
  const pauses = said === "ok" ? PAUSES_AFTER_OK_MS : PAUSES_AFTER_FAIL_MS;
  let order = null;
  let failure = null;
  for (const ms of pauses) {
    if (ms > 0) await pause(ms);
    if (!isWanted()) break;
    try {
      order = await client.call("POST", `/v1/orders/${encodeURIComponent(orderId)}/sync`);
      failure = null;
      if (order.status !== "awaiting_payment") break;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure = error;
      // Waiting helps against trouble on the way, not against a refusal.
      if (error.status >= 400 && error.status < 500 && error.status !== 429) break;
    }
  }
  if (order === null && failure !== null) throw failure;
  return order;
}
