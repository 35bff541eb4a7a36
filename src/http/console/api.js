// Asks the server. The admin token lives here and in the session storage of this tab, and leaves in one header alone.

const KEY = "weir.console.token";

let onRefused = () => {};

/** What the server, or the way to it, answered instead of what was asked for. */
export class Refusal extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail ?? problem.title ?? String(status));
    this.status = status;
    this.code = problem.code ?? null;
    this.title = problem.title ?? null;
    this.instance = problem.instance ?? null;
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

export const token = {
  isThere: () => sessionStorage.getItem(KEY) !== null,
  keep: (text) => sessionStorage.setItem(KEY, text),
  drop: () => sessionStorage.removeItem(KEY),
};

/** Who hears that the token is not, or no longer, taken. */
export function whenRefused(listener) {
  onRefused = listener;
}

// A path below the page's folder, so that the console works below any prefix.
function address(path, query = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(set).toString();
  return search === "" ? path : `${path}?${search}`;
}

async function send(method, path, { query, body, key, bearer }) {
  const headers = { authorization: `Bearer ${bearer}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key !== undefined) headers["idempotency-key"] = key;
  try {
    return await fetch(address(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch {
    throw new Refusal(0);
  }
}

async function read(answer) {
  const kind = answer.headers.get("content-type") ?? "";
  const retryAfter = answer.headers.get("retry-after");
  if (!kind.includes("json")) {
    if (answer.ok) return null;
    throw new Refusal(answer.status, {}, retryAfter);
  }
  let value;
  try {
    value = await answer.json();
  } catch {
    throw new Refusal(0);
  }
  // The report of health is one whatever its status: only a problem document is a refusal.
  if (kind.includes("problem+json")) throw new Refusal(answer.status, value, retryAfter);
  return value;
}

/** The answer to a request of the operator; throws a {@link Refusal}. */
export async function ask(method, path, option = {}) {
  const bearer = sessionStorage.getItem(KEY) ?? "";
  const answer = await send(method, path, { ...option, bearer });
  if (answer.status === 401) onRefused();
  return read(answer);
}

/** Whether the server takes this token; throws a {@link Refusal} when it says neither. */
export async function isTaken(text) {
  const answer = await send("GET", "health", { bearer: text });
  if (answer.status === 401) return false;
  await read(answer);
  return true;
}
