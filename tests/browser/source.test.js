// What the files of the phone page and of the console promise: no foreign resources, no markup from data, and a shop that knows only `wx`.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "../../src");
const [PHONE, CONSOLE] = ["simulator/phone", "http/console"];
const PAGES = [PHONE, CONSOLE];

// Comments may name what the code must not use.
const code = (name) => readFileSync(join(SOURCE, name), "utf8").replace(/^\s*\/\/.*$/gm, "");

const namesOf = (page) => readdirSync(join(SOURCE, page), { recursive: true }).filter((name) => /\.\w+$/.test(name));

/** The files of these pages whose path in its page fits, as paths below `src`. */
function files(pattern, pages = PAGES) {
  const found = pages.flatMap((page) =>
    namesOf(page).filter((name) => /\.(js|css|html)$/.test(name) && pattern.test(name)).map((name) => join(page, name)));
  assert.ok(found.length > 0);
  return found;
}

test("data never becomes markup", () => {
  for (const name of files(/\.js$/)) {
    assert.doesNotMatch(code(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
  }
});

test("the mini program reaches the world through wx alone", () => {
  for (const name of files(/^shop\/.*\.js$/, [PHONE])) {
    assert.doesNotMatch(code(name), /\bfetch\(|XMLHttpRequest|localStorage|sessionStorage|\/simulator|control\.js|device\//, name);
  }
});

test("the mini program uses nothing that a browser has and a mini program has not", () => {
  const foreign = /\b(?:crypto|navigator|location|history|window|performance|URLSearchParams|new URL|FormData|Blob|AbortController|AbortSignal|TextEncoder|TextDecoder|structuredClone|queueMicrotask|atob|btoa)\b/;
  for (const name of files(/^shop\/.*\.js$/, [PHONE])) {
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

test("the binary carries every file of the pages", () => {
  for (const page of PAGES) {
    const carried = readFileSync(join(SOURCE, `${page}.rs`), "utf8");
    for (const name of namesOf(page)) {
      const path = join(page.split("/").at(-1), name);
      assert.ok(carried.includes(`include_str!("${path}")`), `${name} is missing in src/${page}.rs`);
    }
  }
});

test("both languages say everything that the code asks for", () => {
  for (const page of PAGES) {
    const texts = readFileSync(join(SOURCE, page, "texts.js"), "utf8");
    const known = new Set([...texts.matchAll(/^ {2}(\w+): \[/gm)].map(([, key]) => key));
    for (const name of files(/\.(js|html)$/, [page])) {
      for (const [, key] of code(name).matchAll(/(?:\bt\(|data-(?:text|label)=)"(\w+)"/g)) {
        assert.ok(known.has(key), `${name} asks for ${key}`);
      }
    }
  }
});

/** The words of a fieldless enum of the server, in snake case. */
function words(path, name) {
  const [, body] = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(readFileSync(join(SOURCE, path), "utf8"));
  const found = [...body.matchAll(/^ {4}([A-Z]\w*),/gm)].map(([, word]) => word.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase());
  assert.ok(found.length > 10, `${name} in ${path}`);
  return found;
}

test("both languages have a word for every exception and every event", () => {
  const known = (page) => new Set([...readFileSync(join(SOURCE, page, "texts.js"), "utf8").matchAll(/^ {2}(\w+): \[/gm)].map(([, key]) => key));
  const [phone, operator] = PAGES.map(known);
  const missing = [
    ...words("domain/exception.rs", "ExceptionKind").map((kind) => `exception_${kind}`).filter((key) => !operator.has(key)),
    ...words("simulator/log.rs", "EventKind").filter((kind) => !["wechat_called", "notification", "push"].includes(kind))
      .map((kind) => `event_${kind}`).filter((key) => !phone.has(key)),
  ];
  assert.deepEqual(missing, []);
});

test("the console keeps its token in the tab, and neither in the address nor for longer", () => {
  for (const name of files(/\.js$/, [CONSOLE]).filter((name) => !name.endsWith("texts.js"))) {
    assert.doesNotMatch(code(name), /localStorage|document\.cookie|indexedDB/, name);
  }
  for (const name of files(/\.js$/, [CONSOLE]).filter((name) => !name.endsWith("api.js"))) {
    assert.doesNotMatch(code(name), /sessionStorage|\bfetch\(|XMLHttpRequest/, name);
  }
});

test("no float touches money in the console", () => {
  for (const name of files(/\.js$/, [CONSOLE])) assert.doesNotMatch(code(name), /parseFloat|toFixed|\/ ?100\b|\* ?100\b/, name);
});
