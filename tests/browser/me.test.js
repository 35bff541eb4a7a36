// The person's page in a real browser: the phone number by the phone's own button, steps, and both on narrow screens.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";
import { openPhone } from "./person.js";
import { startWeir } from "./weir.js";

const NARROW = { width: 360, height: 740 };

let weir;
let browser;
let open = [];

before(async () => {
  weir = await startWeir();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
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

async function atMe(option) {
  const person = await openPhone(browser, weir.url, option);
  open.push(person);
  await person.clearFaultsIfAny();
  await person.becomeNew();
  await person.tap("nav-me");
  await person.see("me-id").waitFor();
  return person;
}

/** A call of the simulator's control API. */
async function control(method, path, body) {
  const url = new URL(`/simulator${path}`, weir.url);
  const answer = await fetch(url, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

async function giveNumber(person) {
  await person.tap("give-phone");
  await person.tap("modal-confirm");
}

const shown = (person) => person.page.locator('[data-testid="me-phone"]', { hasText: /^199\*{4}\d{4}$/ });

test("the phone number is given by the button, and shown in part", async () => {
  const ada = await atMe();
  await giveNumber(ada);
  await ada.asked("wx", "getPhoneNumber", "ok");
  await ada.asked("POST", "/v1/phone-number", 200);
  await shown(ada).waitFor();
  await ada.line("POST", "/v1/phone-number", 200).first().locator("summary").click();
  await ada.page.getByText(/"pure_phone_number": "199\d{8}"/).waitFor();
  await ada.page.reload();
  await shown(ada).waitFor();
});

test("who does not allow it gives nothing", async () => {
  const ada = await atMe();
  await ada.tap("give-phone");
  await ada.tap("modal-cancel");
  await ada.asked("wx", "getPhoneNumber", "fail");
  assert.equal(await ada.line("POST", "/v1/phone-number").count(), 0);
  assert.equal(await shown(ada).count(), 0);
});

test("a code that WeChat refuses is told, and the next tap is good", async () => {
  const ada = await atMe({ expects: [/status of 400/] });
  await control("PUT", "/faults", { faults: [{ kind: "errcode", api: "phone_number", errcode: 40029, times: 1 }] });
  await giveNumber(ada);
  await ada.asked("POST", "/v1/phone-number", 400);
  await ada.see("toast").getByText("请再点一次按钮").waitFor();
  await giveNumber(ada);
  await shown(ada).waitFor();
});

test("the steps of a week", async () => {
  const ada = await atMe();
  await ada.tap("steps-read");
  await ada.asked("wx", "wx.getWeRunData", "ok");
  await ada.asked("POST", "/v1/open-data", 200);
  await ada.see("steps-chart").waitFor();
  assert.equal(await ada.see("steps-day").count(), 7);
  assert.match(await ada.see("steps-today").textContent(), /^今天 [\d,]+ 步$/);
});

test("a stale key costs a login and nothing else", async () => {
  const ada = await atMe({ expects: [/status of 409/] });
  // Somebody calls wx.login and the server never hears of it: WeChat has another key now.
  await control("POST", "/login-codes", { user_id: ada.user, rotate: true });
  const before = await ada.line("POST", "/v1/login", 200).count();
  await ada.tap("steps-read");
  await ada.see("steps-chart").waitFor();
  await ada.asked("POST", "/v1/open-data", 409);
  await ada.asked("POST", "/v1/open-data", 200);
  assert.equal(await ada.line("POST", "/v1/login", 200).count(), before + 1);
});

/** Waits until WeChat has shown a person so many messages. */
async function messagesShown(user, count) {
  const isThere = async () => (await control("GET", `/subscribe-messages?user_id=${user}`)).items.filter((message) => message.is_shown).length >= count;
  const end = Date.now() + 60_000;
  while (!(await isThere())) {
    assert.ok(Date.now() < end, "no message came");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const left = (person, count) => person.see("messages-left").getByText(`还可以收到 ${count} 条`).waitFor();

test("a message is allowed, and comes when the order is paid", async () => {
  const ada = await atMe();
  await ada.tap("allow-messages");
  await ada.tap("modal-confirm");
  await ada.asked("wx", "wx.requestSubscribeMessage", "ok");
  await ada.asked("POST", "/v1/subscriptions", 200);
  await left(ada, 2);
  assert.equal(await ada.see("message").count(), 0);
  await ada.toCashier();
  await ada.tap("cashier-pay");
  await ada.result("paid");
  await messagesShown(ada.user, 1);
  await ada.tap("home");
  await ada.tap("nav-me");
  await ada.see("message").first().waitFor();
  assert.equal(await ada.see("message").count(), 1);
  await left(ada, 1);
});

test("who does not allow messages is counted so", async () => {
  const ada = await atMe();
  await ada.tap("allow-messages");
  await ada.tap("modal-cancel");
  await ada.asked("POST", "/v1/subscriptions", 200);
  await left(ada, 0);
});

for (const locale of ["zh-CN", "en-US"]) {
  test(`nothing is cut off on a narrow screen, ${locale}`, async () => {
    const ada = await atMe({ ...NARROW, locale });
    await ada.fits("the page without a number");
    await ada.tap("give-phone");
    await ada.see("modal").waitFor();
    await ada.fits("the question of the phone");
    await ada.tap("modal-confirm");
    await shown(ada).waitFor();
    await ada.tap("steps-read");
    await ada.see("steps-chart").waitFor();
    await ada.fits("the page with number and steps");
  });
}
