// The notebook in a real browser: documents of a collection, added, listed, edited under If-Match and removed.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";
import { openPhone } from "./person.js";
import { startWeir } from "./weir.js";

const NARROW = { width: 360, height: 740 };
const DOCUMENTS = "/v1/collections/notes/documents";
const QUERY = "/v1/collections/notes/query";

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

async function phone(option) {
  const person = await openPhone(browser, weir.url, option);
  open.push(person);
  await person.clearFaultsIfAny();
  return person;
}

async function atNotes(option) {
  const person = await phone(option);
  await person.becomeNew();
  await toNotes(person);
  return person;
}

async function toNotes(person) {
  await person.tap("nav-notes");
  await person.on("notes");
  await person.page.locator('[data-testid="note-card"], [data-testid="notice-empty"]').first().waitFor();
}

async function write(person, text) {
  await person.see("note-text").fill(text);
  await person.tap("note-add");
}

const card = (person, text) => person.see("note-card").filter({ has: person.page.getByText(text, { exact: true }) });
const texts = (person) => person.see("note-shown").allTextContents();

test("a note is added, listed, edited and removed, and each call is shown", async () => {
  const ada = await atNotes();
  await ada.asked("POST", QUERY, 200);
  const text = "买茶 🍵 & <b>盖碗</b>\n'; drop table documents; --";
  await write(ada, text);
  await ada.asked("POST", DOCUMENTS, 201);
  await write(ada, "second");
  await card(ada, "second").waitFor();
  assert.deepEqual(await texts(ada), ["second", text]);
  await ada.page.reload();
  await card(ada, "second").waitFor();
  assert.deepEqual(await texts(ada), ["second", text], "newest first, also when they are read again");

  const first = ada.see("note-card").nth(1);
  const path = `${DOCUMENTS}/${await first.getAttribute("data-id")}`;
  await first.getByTestId("note-edit").click();
  await first.getByTestId("note-edited").fill("other");
  await first.getByTestId("note-cancel").click();
  assert.deepEqual(await texts(ada), ["second", text]);
  await first.getByTestId("note-edit").click();
  await first.getByTestId("note-edited").fill("edited");
  await first.getByTestId("note-save").click();
  await ada.asked("PUT", path, 200);
  await ada.page.locator('[data-testid="note-card"][data-version="2"]').waitFor();
  await ada.line("PUT", path, 200).first().locator("summary").click();
  await ada.page.getByText('If-Match: "1"').waitFor();

  await first.getByTestId("note-delete").click();
  await ada.tap("modal-confirm");
  await ada.asked("DELETE", path, 204);
  await card(ada, "edited").waitFor({ state: "detached" });
  assert.deepEqual(await texts(ada), ["second"]);
});

test("of two phones of one person, the one that saves second is told and shown", async () => {
  const ada = await atNotes({ expects: [/status of 412/] });
  await write(ada, "as it was");
  await card(ada, "as it was").waitFor();

  const second = await phone();
  await second.tap("user-picker");
  await second.page.locator(`[data-testid="user"][data-id="${ada.user}"]`).click();
  await second.page.locator(`body[data-user="${ada.user}"]`).waitFor();
  await toNotes(second);

  await ada.tap("note-edit");
  await second.tap("note-edit");
  await second.see("note-edited").fill("by the second phone");
  await second.tap("note-save");
  await card(second, "by the second phone").waitFor();
  const path = `${DOCUMENTS}/${await ada.see("note-card").getAttribute("data-id")}`;
  await ada.see("note-edited").fill("by the first, unaware");
  await ada.tap("note-save");
  await ada.asked("PUT", path, 412);
  await card(ada, "by the second phone").waitFor();
});

test("what the schema does not allow is refused by the server and told in words", async () => {
  const ada = await atNotes({ expects: [/status of 422/] });
  for (const text of [" \n ", "字".repeat(501)]) {
    await write(ada, text);
    await ada.asked("POST", DOCUMENTS, 422);
    await ada.see("toast").getByText("超过了 500 个字").waitFor();
    assert.equal(await ada.see("note-text").inputValue(), text, "what was typed stays");
    assert.equal(await ada.see("note-card").count(), 0);
    await ada.panel("requests", () => ada.tap("requests-clear"));
  }
  await write(ada, "🍵".repeat(500));
  await ada.asked("POST", DOCUMENTS, 201);
});

test("another person has another notebook", async () => {
  const ada = await atNotes();
  await write(ada, "hers alone");
  await card(ada, "hers alone").waitFor();
  await ada.becomeNew();
  await toNotes(ada);
  assert.deepEqual(await texts(ada), []);
});

test("the answer to a note is lost on the way: tapping again makes no second one", async () => {
  const ada = await atNotes({ expects: [/ERR_FAILED/] });
  let swallowed = 0;
  await ada.page.route(`**/phone/request${DOCUMENTS}`, async (route) => {
    if (swallowed > 0) return route.fallback();
    swallowed += 1;
    await route.fetch();
    return route.abort();
  });
  await write(ada, "once");
  await ada.asked("POST", DOCUMENTS, "fail");
  await ada.tap("note-add");
  await ada.asked("POST", DOCUMENTS, 201);
  await ada.page.reload();
  await card(ada, "once").waitFor();
  assert.deepEqual(await texts(ada), ["once"]);
});

test("a long notebook on a narrow screen, page by page, nothing cut off", async () => {
  const ada = await atNotes(NARROW);
  await ada.fits("the empty notebook");
  for (let n = 0; n < 11; n += 1) {
    await write(ada, n === 0 ? "w".repeat(300) : `note ${n}`);
    await ada.page.locator('[data-testid="note-card"]').nth(n).waitFor();
  }
  await ada.page.reload();
  await card(ada, "note 10").waitFor();
  assert.equal(await ada.see("note-card").count(), 10);
  await ada.tap("more");
  await card(ada, "w".repeat(300)).waitFor();
  assert.equal(await ada.see("note-card").count(), 11);
  await ada.fits("the filled notebook");
  await ada.see("note-edit").last().click();
  await ada.fits("a note that is edited");
  await ada.tap("language");
  await ada.fits("the notebook in English");
});
