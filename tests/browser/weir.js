// Starts `weir dev` for the tests: a folder of its own, free ports, and an end that leaves nothing behind.

import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// A first start makes a database cluster and RSA keys, in a debug build.
const START_MS = 180_000;
const PHONE_LINE = /\bphone\s+(http:\/\/\S+\/phone)\b/;

// The address that weir prints; everything it says is kept for the case that it never does.
function phoneUrl(child, said) {
  return new Promise((resolve, reject) => {
    const tell = (what) => reject(new Error(`${what}; it said:\n${said.join("\n")}`));
    const timer = setTimeout(() => tell(`weir dev printed no phone address within ${START_MS} ms`), START_MS);
    child.once("error", (error) => tell(`weir dev did not start: ${error.message}`));
    child.once("exit", (status) => tell(`weir dev ended with status ${status}`));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        said.push(line);
        const found = PHONE_LINE.exec(line);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1]);
      });
    }
  });
}

// What stands behind a label in the lines that were read.
function value(said, label) {
  const line = said.find((one) => one.startsWith(`${label}  `));
  if (line === undefined) throw new Error(`no line ${label} in:\n${said.join("\n")}`);
  return line.slice(label.length).trim();
}

// Asks the server for a refund as its operator does.
async function refund(said, orderId, amountFen) {
  const answer = await fetch(`${value(said, "server")}/admin/orders/${orderId}/refunds`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${value(said, "admin token")}`,
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    },
    body: JSON.stringify({ amount_fen: amountFen }),
  });
  if (answer.status !== 202) throw new Error(`no refund: ${answer.status} ${await answer.text()}`);
}

/**
 * `{url, stop, refund, console, token}` of a phone page: the one in PHONE_URL, else one of a freshly started `weir dev`,
 * which alone tells us where the operator's console is, and the token of it.
 */
export async function startWeir() {
  if (process.env.PHONE_URL) return { url: process.env.PHONE_URL, stop: async () => 0 };
  const folder = await mkdtemp(join(tmpdir(), "weir-browser-"));
  // PostgreSQL's own user must reach it, too: root's data would be put elsewhere otherwise, and stay.
  await chmod(folder, 0o755);
  const arguments_ = ["dev", "--folder", folder, "--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"];
  const child = spawn(process.env.WEIR, arguments_, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const status = await ended;
    await rm(folder, { recursive: true, force: true });
    return status;
  };
  try {
    const said = [];
    return {
      url: await phoneUrl(child, said),
      stop,
      refund: (orderId, amountFen) => refund(said, orderId, amountFen),
      console: value(said, "console"),
      token: value(said, "admin token"),
    };
  } catch (error) {
    if (child.exitCode === null && child.pid !== undefined) await stop();
    throw error;
  }
}
