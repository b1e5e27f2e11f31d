// Ask the server about a rule. A newer question of the same sort aborts the older one.

export const NOT_CONNECTED = "Not connected. Your changes are kept on this page.";
export const SIGNED_OUT = "You are signed out. Sign in in another tab, then press Save again.";

export class Refused extends Error {
  constructor(status, body) {
    super(body.message ?? "");
    Object.assign(this, { status, problems: body.problems ?? [], body });
  }
}

// The token in the cookie, not the one in the page: signing in again in another tab changes it.
export function token() {
  const held = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return held?.slice("csrftoken=".length) ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
}

export class Server {
  constructor(base) {
    this.base = base;
    this.running = new Map();
  }

  get(what, query = {}) {
    return this.send(what, `${this.base}${what}/?${new URLSearchParams(query)}`, {});
  }

  // `beside`: what is asked besides the questions of that sort, and aborts none of them.
  post(what, body, beside = "") {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token() };
    return this.send(`${what}${beside}`, `${this.base}${what}/`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
  }

  async send(what, address, options) {
    this.running.get(what)?.abort();
    const abort = new AbortController();
    this.running.set(what, abort);
    try {
      return await answer(await fetch(address, { ...options, signal: abort.signal }));
    } finally {
      if (this.running.get(what) === abort) this.running.delete(what);
    }
  }
}

export async function answer(response) {
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const body = isJson ? await response.json() : {};
  if (response.redirected)
    throw new Refused(401, { message: "You are signed out. Sign in in another tab, then try again." });
  if (response.status === 403) throw new Refused(403, { message: "You may not do this any more." });
  if (!isJson) throw new Refused(response.status, { message: "The server could not answer." });
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}
