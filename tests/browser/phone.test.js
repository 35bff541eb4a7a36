// The phone page in a real browser, against the real server and the simulated WeChat.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";
import { openPhone } from "./person.js";
import { startWeir } from "./weir.js";

const BROWSER_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const NARROW = { width: 360, height: 740 };

let weir;
let browser;
let open = [];

before(async () => {
  weir = await startWeir();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: BROWSER_ARGUMENTS });
});

after(async () => {
  await browser?.close();
  assert.equal(await weir?.stop(), 0, "weir dev ends cleanly");
});

afterEach(async () => {
  const phones = open;
  open = [];
  for (const phone of phones) await phone.close();
});

async function phone(option) {
  const person = await openPhone(browser, weir.url, option);
  open.push(person);
  await person.clearFaultsIfAny();
  await person.becomeNew();
  return person;
}

test("from login to paid", async () => {
  const ada = await phone();
  await ada.asked("wx", "wx.login", "ok");
  await ada.toCashier(2);
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.asked("wx", "wx.requestPayment", "ok");
  await ada.tap("view-order");
  await ada.orderStatus("paid");
  assert.deepEqual(await ada.orders(), ["paid"]);
});

test("the whole walk on a narrow screen, nothing cut off", async () => {
  const ada = await phone(NARROW);
  await ada.goods().first().waitFor();
  await ada.fits("the shelves");
  await ada.toConfirm(1);
  await ada.fits("the confirm page");
  await ada.tap("submit");
  await ada.see("cashier").waitFor();
  await ada.fits("the cashier's sheet");
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.fits("the result");
  await ada.tap("view-order");
  await ada.orderStatus("paid");
  await ada.fits("the order");
  await ada.orders();
  await ada.fits("the list of orders");
  await ada.tap("nav-me");
  await ada.see("me-id").waitFor();
  await ada.fits("the person's page");
  for (const tab of ["requests", "wechat", "faults"]) {
    await ada.panel(tab, () => ada.fits(`the drawer's ${tab}`));
  }
  await ada.panel("requests", async () => {
    await ada.line("POST", "/v1/orders", 201).first().locator("summary").click();
    await ada.fits("an opened request");
  });
});

test("the tabs beside the phone go round by the arrow keys", async () => {
  const ada = await phone();
  await ada.tap("tab-requests");
  for (const [key, chosen] of [["ArrowRight", "wechat"], ["ArrowRight", "requests"], ["ArrowLeft", "wechat"]]) {
    await ada.page.keyboard.press(key);
    await ada.page.locator(`[data-testid="tab-${chosen}"][aria-selected="true"]:focus`).waitFor();
  }
});

test("the keyboard stays in the open drawer, and is free when it is none any more", async () => {
  const ada = await phone(NARROW);
  await ada.tap("drawer-open");
  await ada.page.locator('[data-testid="drawer-close"]:focus').waitFor();
  for (let press = 0; press < 6; press += 1) {
    await ada.page.keyboard.press("Shift+Tab");
    const isCovered = await ada.page.evaluate(() => document.activeElement.closest(".top, .phone") !== null);
    assert.equal(isCovered, false);
  }
  await ada.page.setViewportSize({ width: 1280, height: 860 });
  await ada.tap("home");
  await ada.on("shop");
});

test("English, on a narrow screen", async () => {
  const ada = await phone({ ...NARROW, locale: "en-US" });
  await ada.page.locator('html[lang="en"]').waitFor();
  await ada.toCashier();
  await ada.fits("the cashier's sheet");
  await ada.tap("cashier-cancel");
  await ada.result("unpaid");
  await ada.tap("view-order");
  await ada.see("pay").waitFor();
  await ada.fits("an order to pay");
  await ada.tap("language");
  await ada.page.locator('html[lang="zh-CN"]').waitFor();
  await ada.page.reload();
  await ada.page.locator('html[lang="zh-CN"]').waitFor();
});

test("the notification is lost and the page still reaches paid", async () => {
  const ada = await phone();
  await ada.setFault("notification_lost");
  await ada.toCashier();
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.panel("wechat", () =>
    ada.page.locator('[data-testid="event"][data-kind="notification"][data-faults~="notification_lost"]').first().waitFor());
  assert.deepEqual(await ada.orders(), ["paid"]);
  await ada.clearFaults();
});

test("two fault switches at once, and each off by itself", async () => {
  const ada = await phone();
  const checked = (name, state) => ada.page.locator(`[data-testid="fault-${name}"][aria-checked="${state}"]`).waitFor();
  await ada.setFault("notification_doubled");
  await ada.setFault("login_busy");
  await checked("notification_doubled", true);
  await ada.page.locator('body[data-faults="2"]').waitFor();
  await ada.tap("fault-notification_doubled");
  await checked("notification_doubled", false);
  await checked("login_busy", true);
  await ada.clearFaults();
});

test("a request that got no answer fails, and the panel alone says why", async () => {
  const reason = "the server cannot be reached";
  const ada = await phone({ expects: [/status of 502/] });
  await ada.page.route("**/phone/request/v1/orders", (route) =>
    route.fulfill({ status: 502, headers: { "x-phone-error": reason }, json: { code: "no_answer", message: reason } }));
  await ada.toConfirm();
  await ada.tap("submit");
  const line = ada.line("POST", "/v1/orders", "fail").first();
  await line.getByTestId("log-code").getByText(reason, { exact: true }).waitFor();
  await line.locator("summary").click();
  await line.getByText('"errMsg": "request:fail"').waitFor();
  assert.equal(await ada.see("toast").getByText(reason).count(), 0);
});

test("a refund reaches the order and the events", { skip: Boolean(process.env.PHONE_URL) }, async () => {
  const ada = await phone();
  await ada.toCashier();
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.tap("view-order");
  await ada.orderStatus("paid");
  const [, id] = /[?&]id=([0-9a-f-]+)/.exec(ada.page.url());
  await weir.refund(id, 1);
  // The simulated WeChat takes it, ends it by itself some seconds later, and tells the server.
  const event = (kind, status) => ada.page.locator(`[data-testid="event"][data-kind="${kind}"][data-status="${status}"]:not([data-refund=""])`).first();
  await ada.panel("wechat", async () => {
    await event("wechat_called", 200).waitFor();
    await event("notification", 204).waitFor();
  });
  assert.deepEqual(await ada.orders(), ["partially_refunded"]);
  await ada.tap("order");
  await ada.orderStatus("partially_refunded");
  await ada.page.getByText("¥0.01", { exact: true }).waitFor();
});

test("cancelled, then paid: one order", async () => {
  const ada = await phone();
  await ada.toCashier();
  await ada.page.keyboard.press("Escape");
  await ada.result("unpaid");
  await ada.tap("pay");
  await ada.see("cashier").waitFor();
  await ada.tap("cashier-insufficient");
  await ada.result("unpaid");
  await ada.tap("view-order");
  await ada.orderStatus("awaiting_payment");
  await ada.tap("pay");
  await ada.tap("cashier-pay");
  await ada.result("paid");
  assert.deepEqual(await ada.orders(), ["paid"]);
});

test("an order that is closed cannot be paid any more", async () => {
  const ada = await phone();
  await ada.toCashier();
  await ada.tap("cashier-cancel");
  await ada.result("unpaid");
  await ada.tap("view-order");
  await ada.tap("close-order");
  await ada.tap("modal-confirm");
  await ada.orderStatus("closed");
  assert.equal(await ada.see("pay").count(), 0);
});

test("the answer to an order is lost on the way: tapping again makes no second one", async () => {
  const ada = await phone({ expects: [/ERR_FAILED/] });
  let swallowed = 0;
  await ada.page.route("**/phone/request/v1/orders", async (route) => {
    if (route.request().method() !== "POST" || swallowed > 0) return route.fallback();
    swallowed += 1;
    await route.fetch();
    return route.abort();
  });
  await ada.toConfirm();
  await ada.tap("submit");
  await ada.asked("POST", "/v1/orders", "fail");
  await ada.see("toast").waitFor();
  await ada.tap("submit");
  await ada.see("cashier").waitFor();
  await ada.tap("cashier-pay");
  await ada.result("paid");
  assert.equal(swallowed, 1);
  assert.deepEqual(await ada.orders(), ["paid"]);
});

test("a session that ended is renewed by one login, and every request that met it repeated", async () => {
  const ada = await phone({ expects: [/status of 401/] });
  await ada.page.evaluate(() => {
    const key = `weir.phone.user.${document.body.dataset.user}.token`;
    localStorage.setItem(key, JSON.stringify("no.longer.good"));
  });
  const asked = ["/v1/me", "/v1/subscriptions"];
  // The page asks two things at once: the login of the one is under way when the other is refused.
  await ada.page.route("**/phone/request/v1/login", async (route) => {
    for (const path of asked) await ada.asked("GET", path, 401);
    return route.fallback();
  });
  const before = await ada.line("POST", "/v1/login").count();
  await ada.tap("nav-me");
  await ada.see("me-id").waitFor();
  for (const path of asked) {
    await ada.asked("GET", path, 200);
    assert.equal(await ada.line("GET", path, 401).count(), 1);
  }
  assert.equal(await ada.line("POST", "/v1/login", 200).count(), before + 1);
});

test("nickname, and out and in again", async () => {
  const ada = await phone();
  await ada.tap("nav-me");
  await ada.see("nickname").fill("水 & <b>鱼</b> 🐟");
  await ada.tap("save-nickname");
  await ada.asked("PUT", "/v1/me", 200);
  await ada.page.reload();
  await ada.see("me-nickname").getByText("水 & <b>鱼</b> 🐟", { exact: true }).waitFor();
  await ada.tap("logout");
  await ada.see("signed-out").waitFor();
  await ada.tap("nav-orders");
  await ada.see("notice-login").waitFor();
  await ada.tap("nav-me");
  await ada.tap("login");
  await ada.see("me-id").waitFor();
  await ada.tap("logout-everywhere");
  await ada.tap("modal-confirm");
  await ada.see("signed-out").waitFor();
});

test("text that looks dangerous is only text", async () => {
  const ada = await phone();
  const note = "<img src=x onerror=\"document.title='taken'\"> '; drop table x; -- 🦆";
  await ada.toConfirm();
  await ada.see("note").fill(note);
  await ada.tap("submit");
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await ada.tap("view-order");
  await ada.orderStatus("paid");
  await ada.page.getByText(note, { exact: true }).waitFor();
  assert.notEqual(await ada.page.title(), "taken");
  assert.equal(await ada.page.locator('img[src="x"]').count(), 0);
});

test("two people shop side by side, each sees their own", async () => {
  const ada = await phone();
  await ada.toCashier();
  await ada.tap("cashier-pay");
  await ada.result("paid");
  const first = await ada.page.locator("body").getAttribute("data-user");
  await ada.becomeNew();
  assert.deepEqual(await ada.orders(), []);
  await ada.tap("user-picker");
  await ada.page.locator(`[data-testid="user"][data-id="${first}"]`).click();
  await ada.page.locator(`body[data-user="${first}"]`).waitFor();
  assert.deepEqual(await ada.orders(), ["paid"]);
});

test("pictures for the README", { skip: !process.env.PICTURE_FOLDER }, async () => {
  for (const [locale, file] of [["en-US", "phone.png"], ["zh-CN", "phone.zh-CN.png"]]) {
    const ada = await phone({ locale, deviceScaleFactor: 1.5 });
    await ada.toCashier();
    await ada.tap("cashier-pay");
    await ada.result("paid");
    await ada.setFault("notification_lost");
    await ada.fillCart(2);
    await ada.goods().nth(1).getByTestId("add").click();
    await ada.page.locator(".page").evaluate((pane) => pane.scrollTo(0, 0));
    await ada.see("toast").waitFor({ state: "detached" });
    await ada.page.screenshot({ path: join(process.env.PICTURE_FOLDER, file), animations: "disabled" });
    await ada.clearFaults();
  }
});
