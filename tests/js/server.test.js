import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { answer, Refused, Server } from "../../segments/static/segments/builder/server.js";

// A server that answers as its path says.
const ANSWERS = {
  "/live/count/": [200, "application/json", '{"count": 3}'],
  "/live/wrong/": [400, "application/json", '{"message": "no", "problems": [{"path": "rule", "message": "odd"}]}'],
  "/live/forbidden/": [403, "text/html", "<h1>403</h1>"],
  "/live/broken/": [500, "text/html", "<h1>500</h1>"],
};
const seen = [];
const listening = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  seen.push(request.url);
  if (pathname === "/live/slow/") return; // until it is aborted
  const [status, type, body] = ANSWERS[pathname] ?? [302, "text/html", ""];
  const headers = {
    "Content-Type": type,
    Connection: "close",
    ...(status === 302 && { Location: "/live/forbidden/" }),
  };
  response.writeHead(status, headers).end(body);
});
let base;

before(async () => {
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${listening.address().port}/live/`;
});
after(() => {
  listening.closeAllConnections();
  listening.close();
});

test("an answer is what the server says", async () => {
  assert.deepEqual(await new Server(base).get("count", { text: "a & b" }), { count: 3 });
  assert.equal(seen.at(-1), "/live/count/?text=a+%26+b");
});

test("what is refused says what is wrong and where", async () => {
  const wrong = await new Server(base).get("wrong").catch((error) => error);
  assert.ok(wrong instanceof Refused);
  assert.deepEqual([wrong.status, wrong.message, wrong.problems], [400, "no", [{ path: "rule", message: "odd" }]]);
});

for (const [what, status, words] of [
  ["forbidden", 403, /may not do this/],
  ["broken", 500, /could not answer/],
  ["elsewhere", 401, /signed out/],
]) {
  test(`a page in place of an answer is told in words: ${what}`, async () => {
    const refused = await new Server(base).get(what).catch((error) => error);
    assert.equal(refused.status, status);
    assert.match(refused.message, words);
  });
}

test("a newer question of the same sort aborts the older one, and no other", async () => {
  const server = new Server(base);
  const older = server.get("slow").catch((error) => error.name);
  const other = server.send("another", `${base}count/`, {});
  const newer = server.get("slow").catch((error) => error.name);
  assert.equal(await older, "AbortError");
  assert.deepEqual(await other, { count: 3 });
  server.running.get("slow").abort();
  assert.equal(await newer, "AbortError");
  assert.equal(server.running.size, 0);
});

test("an answer that is no JSON is none, whatever its status says", async () => {
  const html = new Response("<p>Hello</p>", { headers: { "Content-Type": "text/html" } });
  await assert.rejects(answer(html), { status: 200, message: "The server could not answer." });
});
