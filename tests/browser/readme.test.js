// The pages' code of the README, as it stands there, against the real server and the simulated WeChat. Needs no browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { startWeir } from "./weir.js";

const ROOT = new URL("../../", import.meta.url);
const PICTURE = readFileSync(new URL("tests/fixtures/pictures/plain.png", ROOT));
const TEMPLATE = "demo_order_paid_0000000000000000000000000001";
const SHOP = "https://shop.example.com";

const snippets = (file) => [...readFileSync(new URL(file, ROOT), "utf8").matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text);

let weir;
before(async () => {
  weir = await startWeir();
});
after(async () => {
  assert.equal(await weir?.stop(), 0, "weir dev ends cleanly");
});

/** A call of the simulator's control API. */
async function control(path, body, method = "POST") {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(new URL(`/simulator${path}`, weir.url), { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

/** The `wx` of somebody's phone, as far as the README needs it, and how often each API was called. */
async function phone() {
  const { user_id } = await control("/users", {});
  const calls = { login: 0, requestPayment: 0 };
  const there = (url) => {
    assert.ok(url.startsWith(`${SHOP}/`), url);
    return new URL(`/phone/request${url.slice(SHOP.length)}`, weir.url);
  };
  const api = (work) => ({ success, fail, ...option }) => {
    work(option).then(success, (error) => fail({ errMsg: `fail ${error.message}` }));
  };
  const parsed = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  const wx = {
    login: api(async () => {
      calls.login += 1;
      return control("/login-codes", { user_id });
    }),
    request: api(async ({ url, method, data, header }) => {
      const headers = { "content-type": "application/json", ...header };
      const answer = await fetch(there(url), { method, headers, body: data && JSON.stringify(data) });
      return { statusCode: answer.status, data: parsed(await answer.text()) };
    }),
    // Unlike wx.request it leaves its answer a text.
    uploadFile: api(async ({ url, name, filePath, header }) => {
      assert.equal(filePath, "wxfile://tmp/picture.png");
      const body = new FormData();
      body.append(name, new Blob([PICTURE]), "picture.png");
      const answer = await fetch(there(url), { method: "POST", headers: header, body });
      return { statusCode: answer.status, data: await answer.text() };
    }),
    requestPayment: api(async (parameters) => {
      calls.requestPayment += 1;
      const { cashier_id } = await control("/request-payment", { user_id, ...parameters });
      return control(`/cashiers/${cashier_id}`, { action: "pay" });
    }),
    getWeRunData: api(() => control("/open-data", { user_id, kind: "werun" })),
    requestSubscribeMessage: api(({ tmplIds }) => control("/subscribe-popups", { user_id, template_ids: tmplIds })),
  };
  const button = async () => ({ errMsg: "getPhoneNumber:ok", ...(await control("/phone-codes", { user_id })) });
  return { wx, calls, button };
}

test("both languages show the same code", () => {
  const bare = (file) => snippets(file).map((text) => text.replace(/\s*\/\/ .*$/gm, "").replace("茶", "tea"));
  assert.deepEqual(bare("README.zh-CN.md"), bare("README.md"));
});

for (const file of ["README.md", "README.zh-CN.md"]) {
  describe(file, () => {
    const [page, data] = snippets(file);
    const load = (wx) => new Function("wx", `${page}; return { weir, buy };`)(wx);
    const basket = async (send) => [{ product_id: (await send("GET", "/v1/products")).items[0].id, quantity: 1 }];

    test("an order is paid, and the same order sent again is that paid one", async () => {
      const { wx, calls } = await phone();
      const { weir: send, buy } = load(wx);
      const wanted = await basket(send);
      const order = await buy(wanted, "first");
      assert.equal(order.status, "paid");
      const again = await buy(wanted, "first");
      assert.deepEqual([again.id, again.status], [order.id, "paid"]);
      assert.equal(calls.requestPayment, 1);
    });

    test("an order that was closed is said to be closed", async () => {
      const { wx, calls } = await phone();
      const { weir: send, buy } = load(wx);
      const wanted = await basket(send);
      const { id } = await send("POST", "/v1/orders", { items: wanted }, { "Idempotency-Key": "late" });
      await send("POST", `/v1/orders/${id}/close`);
      const order = await buy(wanted, "late");
      assert.deepEqual([order.id, order.status, calls.requestPayment], [id, "closed", 0]);
    });

    test("another refusal of the payment is thrown with its code", async () => {
      const { wx, calls } = await phone();
      const { weir: send, buy } = load(wx);
      const wanted = await basket(send);
      const refusal = { kind: "pay_error", api: "prepay", status: 400, code: "PARAM_ERROR", times: 1 };
      await control("/faults", { faults: [refusal] }, "PUT");
      await assert.rejects(buy(wanted, "refused"), ({ code }) => code === "wechat_rejected");
      assert.equal(calls.requestPayment, 0);
    });

    test("many at once log in once, and once more when the session is over", async () => {
      const { wx, calls } = await phone();
      const { weir: send } = load(wx);
      await Promise.all([1, 2, 3].map(() => send("GET", "/v1/me")));
      assert.equal(calls.login, 1);
      await send("DELETE", "/v1/session");
      await Promise.all([1, 2, 3].map(() => send("GET", "/v1/me")));
      assert.equal(calls.login, 2);
    });

    test("data, phone number, steps, a picture, leave to send a message", async () => {
      const { wx, calls, button } = await phone();
      // The session ends before each: what is shown there must log in again by itself, the picture too.
      const parts = data.split(/^(?=\/\/ )/m);
      assert.equal(parts.length, 4);
      const ending = parts.join('await weir("DELETE", "/v1/session");\n');
      const run = new Function(
        "wx", "e", "filePath", "tmplIds",
        `${page}; return (async () => { ${ending}; return { note, items, phone_number, data, url }; })();`,
      );
      const shown = await run(wx, { detail: await button() }, "wxfile://tmp/picture.png", [TEMPLATE]);
      assert.equal(calls.login, 4);
      assert.deepEqual(shown.items.map(({ id }) => id), [shown.note.id]);
      assert.match(shown.phone_number, /^199\d{8}$/);
      assert.ok(shown.data.stepInfoList.length > 0);
      const picture = await fetch(shown.url);
      assert.deepEqual([picture.status, picture.headers.get("content-type")], [200, "image/png"]);
    });
  });
}
