// An operator at the console: the words the tests speak.

import assert from "node:assert/strict";

import { openPage, TIMEOUT_MS } from "./page.js";

/** A fresh browser profile on the console. `expects` are console errors that the test brings about on purpose. */
export async function openConsole(browser, weir, { width = 1280, height = 860, locale = "en-US", expects = [], ...more } = {}) {
  const { page, close } = await openPage(browser, weir.console, { width, height, locale, expects, ...more });
  await page.getByTestId("token").waitFor();
  const operator = new Operator(page, weir);
  operator.close = close;
  return operator;
}

class Operator {
  constructor(page, weir) {
    this.page = page;
    this.weir = weir;
  }

  see(testid) {
    return this.page.getByTestId(testid);
  }

  tap(testid) {
    return this.see(testid).click();
  }

  async enter(token) {
    await this.see("token").fill(token);
    await this.tap("sign-in-submit");
  }

  async signIn() {
    await this.enter(this.weir.token);
    await this.see("health-status").waitFor();
  }

  /** Goes to a view by its address. */
  async go(fragment) {
    await this.page.evaluate((hash) => {
      location.hash = hash;
    }, `#/${fragment}`);
  }

  /** Opens an order, and waits until it stands so. */
  async order(id, status) {
    await this.go(`orders/${id}`);
    await this.page.locator(`[data-testid="order-status"][data-state="${status}"]`).waitFor();
  }

  entry(kind) {
    return this.page.locator(`[data-testid="entry"][data-kind="${kind}"]`);
  }

  /** Looks again until it is there: nothing pushes news to the console. */
  async refreshUntil(locator) {
    const until = Date.now() + TIMEOUT_MS;
    while (Date.now() < until) {
      await this.see("timeline").waitFor();
      if ((await locator.count()) > 0) return;
      await Promise.all([this.page.waitForResponse((answer) => answer.url().includes("/admin/orders/")), this.tap("refresh")]);
      await this.page.locator(".body:not([aria-busy])").waitFor();
    }
    assert.fail(`not shown within ${TIMEOUT_MS} ms: ${locator}`);
  }

  async fits(where) {
    const wide = await this.page.evaluate(() => [...document.querySelectorAll("body *")]
      .filter((element) => !element.closest(".nav, .skip, thead") && element.getBoundingClientRect().right > innerWidth + 0.5)
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`));
    assert.deepEqual(wide, [], `nothing is cut off on ${where}`);
  }
}
