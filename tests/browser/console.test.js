// The operator's console in a real browser, against the real server and the simulated WeChat.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";
import { openConsole } from "./operator.js";
import { openPhone } from "./person.js";
import { startWeir } from "./weir.js";

const BROWSER_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const NARROW = { width: 375, height: 740 };
const NOTE = "<img src=x onerror=\"document.title='taken'\"> 🦆";
const HERE = { skip: Boolean(process.env.PHONE_URL) };

let weir;
let browser;
let open = [];

before(async () => {
  if (HERE.skip) return;
  weir = await startWeir();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: BROWSER_ARGUMENTS });
});

after(async () => {
  if (HERE.skip) return;
  await browser?.close();
  assert.equal(await weir?.stop(), 0, "weir dev ends cleanly");
});

afterEach(async () => {
  const pages = open;
  open = [];
  for (const page of pages) await page.close();
});

async function operator(option) {
  const one = await openConsole(browser, weir, option);
  open.push(one);
  return one;
}

async function signedIn(option) {
  const one = await operator(option);
  await one.signIn();
  return one;
}

/** An order that the phone page paid; gives its id. */
async function paidOrder(note) {
  const ada = await openPhone(browser, weir.url);
  open.push(ada);
  await ada.becomeNew();
  await ada.toConfirm();
  if (note) await ada.see("note").fill(note);
  await ada.tap("submit");
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.tap("view-order");
  await ada.orderStatus("paid");
  return /[?&]id=([0-9a-f-]+)/.exec(ada.page.url())[1];
}

async function askServer(path) {
  const answer = await fetch(new URL(path, weir.console), { headers: { authorization: `Bearer ${weir.token}` } });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

/** Has the simulated WeChat tell of a payment with another amount; gives the id of the exception. */
async function strangePayment(orderId) {
  const order = await askServer(`orders/${orderId}`);
  const transactionId = `42${String(Date.now()).padStart(20, "0")}`;
  const answer = await fetch(new URL("/simulator/notifications", weir.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ out_trade_no: order.out_trade_no, overrides: { amount: { total: 1 }, transaction_id: transactionId } }),
  });
  assert.equal(answer.status, 200);
  const { items } = await askServer(`exceptions?order_id=${orderId}`);
  assert.equal(items.length, 1, "a difference was named");
  return items[0].id;
}

test("a wrong token is told, the right one opens the console and is kept in the tab alone", HERE, async () => {
  const one = await operator({ expects: [/status of 401/] });
  await one.enter("this-token-is-not-the-right-one");
  await one.see("sign-in-trouble").getByText("does not take this token").waitFor();
  assert.equal(await one.see("nav").isVisible(), false);
  await one.signIn();
  await one.see("check-database").waitFor();
  const kept = await one.page.evaluate(() => ({ local: JSON.stringify(localStorage), tab: JSON.stringify(sessionStorage), url: location.href }));
  assert.ok(kept.tab.includes(weir.token));
  assert.ok(!kept.local.includes(weir.token) && !kept.url.includes(weir.token));
  await one.page.reload();
  await one.see("health-status").waitFor();
  await one.tap("sign-out");
  await one.see("token").waitFor();
  assert.equal(await one.page.evaluate(() => sessionStorage.length), 0);
});

test("a token that is taken no more is asked for again", HERE, async () => {
  const one = await signedIn({ expects: [/status of 401/] });
  await one.page.evaluate(() => sessionStorage.setItem("weir.console.token", "a-token-of-yesterday-by-now"));
  await one.tap("nav-orders");
  await one.see("token").waitFor();
  await one.page.getByText("does not take the token any more").waitFor();
  await one.enter(weir.token);
  await one.see("search").waitFor();
});

test("health is asked again by itself, and too many requests are told", HERE, async () => {
  const one = await signedIn({ expects: [/status of 429/] });
  await one.page.waitForResponse((answer) => answer.url().endsWith("/admin/health"));
  await one.page.route("**/admin/health", (route) => route.fulfill({
    status: 429, contentType: "application/problem+json", headers: { "retry-after": "7" },
    json: { title: "Too many requests", status: 429, code: "rate_limited" },
  }));
  await one.tap("refresh");
  await one.see("trouble").getByText("Try again in 7 seconds").waitFor();
});

test("where is my money: an order is found, read, and a part of it refunded once", HERE, async () => {
  const id = await paidOrder(NOTE);
  const { out_trade_no: number } = await askServer(`orders/${id}`);
  const one = await signedIn({ expects: [/ERR_FAILED/, /status of 422/] });
  await one.tap("nav-orders");
  await one.see("search-out_trade_no").fill(number);
  await one.tap("search-submit");
  await one.page.locator(`[data-testid="order-row"][data-id="${id}"]`).getByTestId("order-link").click();
  await one.entry("money_landed").getByText("landed for the order").waitFor();
  await one.entry("order_placed").waitFor();
  assert.equal(await one.see("order-note").textContent(), NOTE);
  assert.equal(await one.page.locator('img[src="x"]').count(), 0);
  assert.ok(!(await one.page.title()).includes("taken"));

  await one.tap("refund-open");
  await one.see("refund-sum").fill("1.234");
  await one.tap("refund-submit");
  await one.see("refund-trouble").getByText("two decimals").waitFor();
  await one.see("refund-sum").fill("0.01");
  await one.see("refund-reason").fill("broken lid");
  const sent = [];
  one.page.on("request", (request) => request.method() === "POST" && request.url().endsWith("/refunds") && sent.push(request));
  // The first answer is lost on the way: nobody knows what came of it.
  await one.page.route("**/refunds", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await one.see("refund-submit").dblclick();
  await one.see("dialog").getByText("Refund ¥0.01?").waitFor();
  await one.see("dialog-yes").dblclick();
  await one.see("refund-trouble").getByText("outcome is unknown").waitFor();
  // What is refused now says nothing of the first: its key stays.
  await one.see("refund-transaction").fill("no number of a payment");
  await one.tap("refund-submit");
  await one.tap("dialog-yes");
  await one.see("refund-trouble").getByText("validation_failed").waitFor();
  await one.see("refund-transaction").fill("");
  await one.tap("refund-submit");
  await one.tap("dialog-yes");
  await one.see("refund-row").getByText("broken lid").waitFor();
  await one.refreshUntil(one.entry("refund_arrived"));
  await one.page.locator('[data-testid="order-status"][data-state="partially_refunded"]').waitFor();
  assert.equal(await one.see("refund-row").count(), 1);
  assert.equal(await one.see("order-refunded").textContent(), "¥0.01");
  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map((request) => request.headers()["idempotency-key"])).size, 1, "all under one key");
  assert.equal((await askServer(`orders/${id}`)).timeline.filter((entry) => entry.kind === "refund_wanted").length, 1);

  await one.page.goBack();
  await one.see("orders").waitFor();
});

test("an exception is read and resolved, and the delivery behind it run again dry first", HERE, async () => {
  const id = await paidOrder();
  const exception = await strangePayment(id);
  const one = await signedIn();
  await one.tap("nav-exceptions");
  const card = one.page.locator(`[data-testid="exception"][data-id="${exception}"]`);
  await card.getByRole("heading", { name: "Other amount" }).waitFor();
  await card.locator("summary", { hasText: "Resolve" }).click();
  await card.getByTestId("resolve-submit").click();
  await card.getByTestId("resolve-trouble").getByText("Say what was done").waitFor();
  await card.getByTestId("resolution").fill("<b>asked</b> the customer");
  await card.getByTestId("resolve-submit").click();
  await card.waitFor({ state: "detached" });
  await one.go(`exceptions?status=resolved&order_id=${id}`);
  await card.getByText("<b>asked</b> the customer").waitFor();

  await one.go(`notifications?order_id=${id}&verdict=settled`);
  await one.see("notification-link").click();
  await one.see("headers").getByText("wechatpay-signature", { exact: false }).first().waitFor();
  assert.equal(await one.see("replay-apply").count(), 0);
  await one.tap("replay-dry");
  await one.page.locator('[data-testid="replayed"][data-applied="false"]').waitFor();
  await one.tap("replay-apply");
  await one.tap("dialog-yes");
  await one.page.locator('[data-testid="replayed"][data-applied="true"]').waitFor();
});

test("the goods are told as sent", HERE, async () => {
  const id = await paidOrder();
  const one = await signedIn();
  await one.order(id, "paid");
  await one.tap("shipment-open");
  await one.see("tracking-no").fill("YT1234567890");
  await one.see("carrier").fill("YTO");
  await one.tap("shipment-submit");
  await one.entry("order_shipped").waitFor();
  await one.see("shipment-status").waitFor();
});

test("a product is kept at its exact price, changed and removed", HERE, async () => {
  const one = await signedIn();
  await one.tap("nav-products");
  await one.tap("product-new");
  await one.see("product-id").fill("of-the-console");
  await one.see("product-title").fill("A <i>kettle</i>");
  await one.see("product-price").fill("1234.5");
  await one.tap("product-submit");
  const row = one.page.locator('[data-testid="product-row"][data-id="of-the-console"]');
  await row.getByText("¥1,234.50").waitFor();
  await row.getByText("A <i>kettle</i>").waitFor();
  assert.equal((await askServer("../v1/products/of-the-console")).price_fen, 123_450);
  assert.equal(await one.page.locator("#toast").evaluate((toast) => getComputedStyle(toast).display), "block");
  // What is not shown any more is still found here, and stays so until it is said to be shown.
  await row.getByTestId("product-change").click();
  await one.page.locator('input[name="is_listed"]').uncheck();
  await one.tap("product-submit");
  await row.locator('[data-state="unlisted"]').waitFor();
  await row.getByTestId("product-change").click();
  await one.see("product-title").fill("A kettle");
  await one.tap("product-submit");
  await row.getByText("A kettle").waitFor();
  await row.locator('[data-state="unlisted"]').waitFor();
  await row.getByTestId("product-remove").click();
  await one.tap("dialog-yes");
  await row.waitFor({ state: "detached" });
});

test("what was sold while a product is changed stays sold", HERE, async () => {
  const product = { title: "Last ones", price_fen: 5, stock: 3 };
  const put = async (stock) => {
    const answer = await fetch(new URL("products/last-ones", weir.console), {
      method: "PUT",
      headers: { authorization: `Bearer ${weir.token}`, "content-type": "application/json" },
      body: JSON.stringify({ ...product, stock }),
    });
    assert.equal(answer.status, 200);
  };
  await put(3);
  const one = await signedIn();
  await one.tap("nav-products");
  const row = one.page.locator('[data-testid="product-row"][data-id="last-ones"]');
  await row.getByTestId("product-change").click();
  await put(1);
  await one.see("product-title").fill("The last ones");
  await one.tap("product-submit");
  await row.getByText("The last ones").waitFor();
  assert.equal((await askServer("../v1/products/last-ones")).stock, 1, "left alone, it is the stock of now");

  await row.getByTestId("product-change").click();
  await put(0);
  await one.see("product-stock").fill("4");
  await one.tap("product-submit");
  await one.see("product-trouble").getByText("the stock is 0 now").waitFor();
  assert.equal((await askServer("../v1/products/last-ones")).stock, 0, "counted from what it was");
  await one.see("product-stock").fill("3");
  await one.tap("product-submit");
  await one.see("product").waitFor({ state: "detached" });
  assert.equal((await askServer("../v1/products/last-ones")).stock, 3);
  await row.getByTestId("product-remove").click();
  await one.tap("dialog-yes");
  await row.waitFor({ state: "detached" });
});

test("Chinese by a button and by the browser, and every view on a narrow screen", HERE, async () => {
  const id = await paidOrder();
  const exception = await strangePayment(id);
  const one = await signedIn(NARROW);
  await one.page.locator('html[lang="en"]').waitFor();
  for (const view of ["health", "orders", "exceptions", "notifications", "reconciliations", "events", "products", "users"]) {
    await one.go(view);
    await one.page.locator(`body[data-view="${view}"] .body:not([aria-busy])`).waitFor();
    await one.fits(view);
  }
  await one.order(id, "paid");
  await one.tap("refund-open");
  await one.fits("an order");
  await one.tap("language");
  await one.page.locator('html[lang="zh-CN"]').waitFor();
  await one.see("heading").filter({ hasText: "订单详情" }).waitFor();
  await one.entry("money_landed").getByText("到账", { exact: true }).waitFor();
  await one.go("exceptions");
  await one.page.locator(`[data-testid="exception"][data-id="${exception}"]`).getByRole("heading", { name: "金额不符" }).waitFor();
  const other = await operator({ locale: "zh-CN" });
  await other.see("heading").filter({ hasText: "登录" }).waitFor();
});
