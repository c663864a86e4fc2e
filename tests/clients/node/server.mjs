// What the tests of both clients share: where the server is, the installed clients, and calls to
// the stubs.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';

/** The server's address, without a slash at the end. */
export const url = process.env.WIREMOCK_URL;

/** Loads a client from where tests/clients/run installed it. */
export const client = createRequire(process.env.CLIENTS_MODULES);

/** An id that no stub or request has. */
export const unknown = '11111111-2222-4333-8444-555555555555';

/**
 * Calls the server on a connection of its own, and fails when that breaks: `fetch` would wait for
 * ever after some faults.
 */
export function call(path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    // asked to close, WireMock sends no chunks that could be malformed; `agent: false` closes all
    // the same
    const kept = { Connection: 'keep-alive', ...headers };
    const asked = request(
      url + path,
      { method, headers: kept, agent: false, timeout: 10_000 },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode,
            headers: answer.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path}`)));
    asked.end(body);
  });
}

/** Calls the server, and expects a status and, unless it is left out, a body. */
export async function answers(path, status, body, options) {
  const answer = await call(path, options);
  assert.equal(answer.status, status, `${options?.method ?? 'GET'} ${path}: ${answer.body}`);
  if (body !== undefined) assert.equal(answer.body, body);
}

/** The options of `call` that post JSON. */
export function json(value) {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}

/** The options of `call` that post a form. */
export function form(fields) {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  };
}

/** How long `work` takes, in milliseconds. */
export async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Starts a service that answers with what it was asked, until the test ends. */
export async function service(t) {
  const heard = [];
  const server = createServer((asked, answer) => {
    const chunks = [];
    asked.on('data', (chunk) => chunks.push(chunk));
    asked.on('end', () => {
      heard.push({ url: asked.url, headers: asked.headers });
      answer.setHeader('Content-Type', 'text/plain');
      answer.end(`${asked.method} ${asked.url} ${Buffer.concat(chunks)}`);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, heard };
}
