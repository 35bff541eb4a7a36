// `weir simulator` alone, driven by `wechatpay-axios-plugin` of npm, which knows nothing of weir.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, describe, test } from "node:test";
import plugin from "wechatpay-axios-plugin";

const { Aes, Formatter, Rsa, Wechatpay } = plugin;
// The first start makes RSA keys, in a debug build on a busy machine.
const START_MS = 180_000;
const DELIVERY_MS = 20_000;

// One for all: the keys are made once.
const folder = mkdtempSync(join(tmpdir(), "weir-interop-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** `weir simulator` on a free port; what it prints first by each label, and its end. */
async function simulate(mode) {
  const arguments_ = ["simulator", "--bind", "127.0.0.1:0", "--folder", folder, "--mode", mode, "--speed", "1000"];
  const child = spawn(process.env.WEIR, arguments_, { stdio: ["ignore", "pipe", "inherit"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const said = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [, label, value] = /^(.+?)\s{2,}(.+)$/.exec(line);
    // The first of several mini programs is the one that counts where none is named.
    said[label] ??= value;
    if (label === "simulator") break;
  }
  clearTimeout(timer);
  assert.ok(said.simulator, "weir simulator ended before it was ready");
  const stop = async () => {
    child.kill("SIGTERM");
    const [status] = await once(child, "exit");
    assert.equal(status, 0);
  };
  return { said, url: said.simulator.replace(/\/$/, ""), stop };
}

/** Takes notifications as a merchant does. */
async function receive() {
  const waiting = [];
  const got = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.writeHead(204).end();
    const delivery = { headers: request.headers, body };
    if (waiting.length) waiting.shift()(delivery);
    else got.push(delivery);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const next = () =>
    new Promise((resolve, reject) => {
      if (got.length) return resolve(got.shift());
      const timer = setTimeout(() => reject(new Error("no notification came")), DELIVERY_MS);
      waiting.push((delivery) => (clearTimeout(timer), resolve(delivery)));
    });
  return { url: `http://127.0.0.1:${server.address().port}/notify`, next, stop: () => server.close() };
}

/** The client, set up with nothing but what `weir simulator` prints; certificates are downloaded as it documents. */
async function client({ said, url }, mode) {
  const privateKey = readFileSync(said["private key"]);
  const certs =
    mode === "certificate"
      ? await downloadCertificates(said, url, privateKey)
      : { [said["public key id"]]: readFileSync(said["public key"]) };
  const wechat = new Wechatpay({ baseURL: url, mchid: said.merchant, serial: said.certificate, privateKey, certs });
  return { wechat, certs, privateKey };
}

async function downloadCertificates(said, url, privateKey) {
  const [now, nonce] = [`${Formatter.timestamp()}`, Formatter.nonce()];
  const signature = Rsa.sign(Formatter.joinedByLineFeed("GET", "/v3/certificates", now, nonce, ""), privateKey);
  const authorization = Formatter.authorization(said.merchant, nonce, signature, now, said.certificate);
  const answer = await fetch(`${url}/v3/certificates`, { headers: { authorization, accept: "application/json" } });
  assert.equal(answer.status, 200);
  const { data } = await answer.json();
  assert.ok(data.length > 0);
  const open = ({ ciphertext, nonce: iv, associated_data: aad }) => Aes.AesGcm.decrypt(ciphertext, said["APIv3 key"], iv, aad);
  return Object.fromEntries(data.map((one) => [one.serial_no, open(one.encrypt_certificate)]));
}

/** Somebody with a phone. */
async function person(url) {
  const control = async (path, body) => {
    const answer = await fetch(`${url}/simulator${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, await answer.clone().text());
    return answer.json();
  };
  const user = await control("/users", {});
  const pay = async (parameters) => {
    const sheet = await control("/request-payment", { user_id: user.user_id, ...parameters });
    return control(`/cashiers/${sheet.cashier_id}`, { action: "pay" });
  };
  return { openids: user.openids, pay };
}

for (const mode of ["certificate", "public_key"]) {
  describe(mode, () => {
    let running = [];
    afterEach(async () => {
      for (const one of running) await one.stop();
      running = [];
    });

    async function shop() {
      const simulator = await simulate(mode);
      running.push(simulator);
      const receiver = await receive();
      running.push(receiver);
      const { wechat, certs, privateKey } = await client(simulator, mode);
      const { said, url } = simulator;
      const ada = await person(url);
      const order = (number, total = 100) => ({
        appid: said["app id"],
        mchid: said.merchant,
        description: "测试商品",
        out_trade_no: number,
        notify_url: receiver.url,
        amount: { total, currency: "CNY" },
        payer: { openid: ada.openids[said["app id"]] },
      });
      const query = (number) =>
        wechat.v3.pay.transactions.outTradeNo["{out_trade_no}"].get({
          params: { mchid: said.merchant },
          out_trade_no: number,
        });
      return { said, receiver, wechat, certs, privateKey, ada, order, query };
    }

    test("prepay, query, pay, notification", async () => {
      const { said, receiver, wechat, certs, privateKey, ada, order, query } = await shop();
      const number = `axios-${mode}-paid`;
      const prepay = await wechat.v3.pay.transactions.jsapi.post(order(number));
      assert.equal(prepay.status, 200);
      assert.equal((await query(number)).data.trade_state, "NOTPAY");

      const [timeStamp, nonceStr] = [`${Formatter.timestamp()}`, Formatter.nonce()];
      const wanted = `prepay_id=${prepay.data.prepay_id}`;
      const paySign = Rsa.sign(Formatter.joinedByLineFeed(said["app id"], timeStamp, nonceStr, wanted), privateKey);
      const paid = await ada.pay({ timeStamp, nonceStr, package: wanted, signType: "RSA", paySign });
      assert.equal(paid.errMsg, "requestPayment:ok");

      const { headers, body } = await receiver.next();
      const signed = Formatter.joinedByLineFeed(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], body);
      const key = certs[headers["wechatpay-serial"]];
      assert.ok(Rsa.verify(signed, headers["wechatpay-signature"], key));
      assert.ok(!Rsa.verify(signed.replace("id", "Id"), headers["wechatpay-signature"], key));
      const { ciphertext, nonce, associated_data: aad } = JSON.parse(body).resource;
      const transaction = JSON.parse(Aes.AesGcm.decrypt(ciphertext, said["APIv3 key"], nonce, aad));
      assert.equal(transaction.out_trade_no, number);
      assert.equal(transaction.transaction_id, paid.transaction_id);
      assert.equal((await query(number)).data.trade_state, "SUCCESS");
    });

    test("close", async () => {
      const { said, wechat, order, query } = await shop();
      const number = `axios-${mode}-closed`;
      await wechat.v3.pay.transactions.jsapi.post(order(number));
      const closed = await wechat.v3.pay.transactions.outTradeNo["{out_trade_no}"].close.post(
        { mchid: said.merchant },
        { out_trade_no: number },
      );
      assert.equal(closed.status, 204);
      assert.equal((await query(number)).data.trade_state, "CLOSED");
    });

    test("a refusal has WeChat's form", async () => {
      const { wechat, order } = await shop();
      const refused = wechat.v3.pay.transactions.jsapi.post(order(`axios-${mode}-free`, 0));
      await assert.rejects(refused, ({ response }) => response.status === 400 && response.data.code === "PARAM_ERROR");
    });
  });
}
