// A person with a phone: the words the tests speak.

import assert from "node:assert/strict";

import { openPage } from "./page.js";

/** A fresh browser profile on the page. `expects` are console errors that the test brings about on purpose. */
export async function openPhone(browser, url, { width = 1280, height = 860, locale = "zh-CN", expects = [], ...more } = {}) {
  const { page, close } = await openPage(browser, url, { width, height, locale, expects, hasTouch: width < 820, ...more });
  await page.getByTestId("user-picker").getByText(/./).first().waitFor();
  const person = new Person(page, width < 820);
  person.close = close;
  return person;
}

class Person {
  constructor(page, isNarrow) {
    this.page = page;
    this.isNarrow = isNarrow;
    this.user = null;
  }

  see(testid) {
    return this.page.getByTestId(testid);
  }

  tap(testid) {
    return this.see(testid).click();
  }

  on(screen) {
    return this.page.locator(`body[data-screen="${screen}"]`).waitFor();
  }

  /** Takes up the phone of somebody new, who is logged in silently as a mini program does it. */
  async becomeNew() {
    const before = await this.page.locator("body").getAttribute("data-user");
    await this.tap("user-picker");
    await this.tap("user-new");
    const body = this.page.locator(`body[data-user]:not([data-user="${before}"])`);
    await body.waitFor();
    this.user = await body.getAttribute("data-user");
    await this.asked("POST", "/v1/login", 200);
  }

  /** Waits for a line of this person in the list of requests. */
  asked(method, path, status) {
    return this.line(method, path, status).first().waitFor({ state: "attached" });
  }

  line(method, path, status) {
    const wanted = `[data-user="${this.user}"][data-method="${method}"][data-path="${path}"]${status === undefined ? "" : `[data-status="${status}"]`}`;
    return this.page.locator(`[data-testid="log-line"]${wanted}`);
  }

  goods() {
    return this.page.locator('[data-testid="product"][data-sold-out="false"]');
  }

  async fillCart(pieces = 1) {
    await this.tap("home");
    await this.on("shop");
    const good = this.goods().first();
    for (let piece = 0; piece < pieces; piece += 1) await good.getByTestId("add").click();
    assert.equal(await good.getByTestId("quantity").textContent(), String(pieces));
  }

  async toConfirm(pieces = 1) {
    await this.fillCart(pieces);
    await this.tap("checkout");
    await this.on("confirm");
    await this.see("total").waitFor();
  }

  /** From the shelves to the cashier's open sheet. */
  async toCashier(pieces = 1) {
    await this.toConfirm(pieces);
    const total = await this.see("total").textContent();
    await this.tap("submit");
    await this.see("cashier").waitFor();
    assert.equal(await this.see("cashier-amount").textContent(), total, "the cashier asks what the page said");
  }

  /** Waits for the end of a payment on the result page. */
  async result(state) {
    await this.on("result");
    await this.page.locator(`[data-testid="result"][data-state="${state}"]`).waitFor();
  }

  async orderStatus(status) {
    await this.on("order");
    await this.page.locator(`[data-testid="order-status"][data-status="${status}"]`).waitFor();
  }

  /** The orders in the list, by their states. */
  async orders() {
    await this.tap("home");
    await this.tap("nav-orders");
    await this.on("orders");
    await this.page.locator('[data-testid="order"], [data-testid="notice-empty"]').first().waitFor();
    return this.see("order").evaluateAll((cards) => cards.map((card) => card.dataset.status));
  }

  async panel(tab, work) {
    if (this.isNarrow) await this.tap("drawer-open");
    if (this.isNarrow || tab !== "faults") await this.tap(`tab-${tab}`);
    const result = await work();
    if (this.isNarrow) await this.tap("drawer-close");
    return result;
  }

  /** Flips a fault switch on. */
  setFault(name) {
    return this.panel("faults", async () => {
      await this.tap(`fault-${name}`);
      await this.page.locator(`[data-testid="fault-${name}"][aria-checked="true"]`).waitFor();
    });
  }

  /** A test starts without the faults of another that failed. */
  async clearFaultsIfAny() {
    await this.page.locator("body[data-faults]").waitFor();
    if ((await this.page.locator("body").getAttribute("data-faults")) !== "0") await this.clearFaults();
  }

  clearFaults() {
    return this.panel("faults", async () => {
      await this.tap("faults-clear");
      await this.page.locator('body[data-faults="0"]').waitFor();
    });
  }

  /** What reaches beyond the right edge of the screen, as a list of elements; a row meant for swiping is not meant. */
  tooWide() {
    return this.page.evaluate(() => {
      const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
      const isFree = (element) => !element.closest(".filters, svg, .unseen");
      const wide = [...document.querySelectorAll("body *")]
        .filter((element) => isFree(element) && isSeen(element) && element.getBoundingClientRect().right > innerWidth + 0.5)
        .map((element) => `${element.tagName.toLowerCase()}.${element.className}`);
      return document.documentElement.scrollWidth > innerWidth ? ["the page itself", ...wide] : wide;
    });
  }

  async fits(where) {
    assert.deepEqual(await this.tooWide(), [], `nothing is cut off on ${where}`);
  }
}
