// A page in a browser profile of its own, whose console is listened to.

import assert from "node:assert/strict";

/** How long anything is waited for. */
export const TIMEOUT_MS = 60_000;

/**
 * `{page, close}` of `url`; `close` fails if the browser had anything to complain of. `expects` are complaints that the
 * test brings about on purpose.
 */
export async function openPage(browser, url, { width, height, expects, ...more }) {
  const context = await browser.newContext({ viewport: { width, height }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const errors = [];
  const note = (text) => expects.some((pattern) => pattern.test(text)) || errors.push(text);
  page.on("console", (message) => message.type() === "error" && note(message.text()));
  page.on("pageerror", (error) => note(error.stack ?? error.message));
  page.on("dialog", (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  const close = async () => {
    await context.close();
    assert.deepEqual(errors, [], "the browser has nothing to complain of");
  };
  return { page, close };
}
