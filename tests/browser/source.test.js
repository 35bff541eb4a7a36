// What the page's own files promise: no foreign resources, no markup from data, and a shop that knows only `wx`.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../src/simulator/phone");
const FILES = readdirSync(ROOT, { recursive: true }).filter((name) => /\.(js|css|html)$/.test(name));

// Comments may name what the code must not use.
const code = (name) => readFileSync(join(ROOT, name), "utf8").replace(/^\s*\/\/.*$/gm, "");

function files(pattern) {
  const found = FILES.filter((name) => pattern.test(name));
  assert.ok(found.length > 0);
  return found;
}

test("data never becomes markup", () => {
  for (const name of files(/\.js$/)) {
    assert.doesNotMatch(code(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
  }
});

test("the mini program reaches the world through wx alone", () => {
  for (const name of files(/^shop\/.*\.js$/)) {
    assert.doesNotMatch(code(name), /\bfetch\(|XMLHttpRequest|localStorage|sessionStorage|\/simulator|control\.js|device\//, name);
  }
});

test("the mini program uses nothing that a browser has and a mini program has not", () => {
  const foreign = /\b(?:crypto|navigator|location|history|window|performance|URLSearchParams|new URL|FormData|Blob|AbortController|AbortSignal|TextEncoder|TextDecoder|structuredClone|queueMicrotask|atob|btoa)\b/;
  for (const name of files(/^shop\/.*\.js$/)) {
    assert.doesNotMatch(code(name), foreign, name);
  }
});

test("nothing is loaded from elsewhere", () => {
  for (const name of files(/./)) {
    const foreign = [...code(name).matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([url]) => url);
    const allowed = ["http://www.w3.org/2000/svg", "https://server.invalid"];
    assert.deepEqual(foreign.filter((url) => !allowed.includes(url)), [], name);
  }
});

test("the binary carries every file of the page", () => {
  const carried = readFileSync(join(ROOT, "../phone.rs"), "utf8");
  for (const name of readdirSync(ROOT, { recursive: true }).filter((name) => /\.\w+$/.test(name))) {
    assert.ok(carried.includes(`include_str!("phone/${name}")`), `${name} is missing in src/simulator/phone.rs`);
  }
});

test("both languages say everything that the code asks for", () => {
  const texts = readFileSync(join(ROOT, "texts.js"), "utf8");
  const known = new Set([...texts.matchAll(/^ {2}(\w+): \["/gm)].map(([, key]) => key));
  for (const name of files(/\.(js|html)$/)) {
    for (const [, key] of code(name).matchAll(/(?:\bt\(|data-(?:text|label)=)"(\w+)"/g)) {
      assert.ok(known.has(key), `${name} asks for ${key}`);
    }
  }
});
