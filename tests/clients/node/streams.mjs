// What clients of streams and WebSockets do: `ws`, and the `fetch` of Node. WireMock 3 has neither.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answers, call, client, json, url } from './server.mjs';

const { WebSocket } = client('ws');

const send = (data) => ({ type: 'send', message: { body: { data } } });

/** Opens a channel, and returns it with a function that waits for its next message. */
async function channel(path) {
  const socket = new WebSocket(url.replace('http', 'ws') + path);
  const heard = [];
  const waiting = [];
  socket.on('message', (message) => (waiting.shift() ?? ((late) => heard.push(late)))(message.toString()));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return { socket, next: () => (heard.length > 0 ? heard.shift() : new Promise((resolve) => waiting.push(resolve))) };
}

test('messages are answered, pushed and kept', async () => {
  const echo = { trigger: { type: 'message', message: { body: { matches: '.*' } } }, actions: [send('Echo: {{message.body}}')] };
  await answers('/__admin/message-mappings', 201, undefined, json(echo));
  const { socket, next } = await channel('/chat');
  socket.send('hello');
  assert.equal(await next(), 'Echo: hello');
  const pushed = { type: 'websocket', initiatingRequest: { urlPath: '/chat' }, message: { body: { data: 'news' } } };
  const sent = await call('/__admin/channels/send', json(pushed));
  assert.equal(JSON.parse(sent.body).channelsMessaged, 1);
  assert.equal(await next(), 'news');
  socket.ping('?');
  await new Promise((resolve) => socket.once('pong', resolve));
  const kept = JSON.parse((await call('/__admin/messages')).body).messageServeEvents;
  assert.deepEqual(kept.map((event) => event.message).sort(), ['Echo: hello', 'hello', 'news']);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close(1000);
  assert.equal(await closed, 1000);
});

test('events are streamed', async () => {
  const stream = { format: 'sse', delay: 10, chunks: [{ id: 'a', data: 'one' }, { id: 'b', data: 'two' }] };
  await answers('/__admin/mappings', 201, undefined, json({ request: { urlPath: '/events' }, response: { stream } }));
  const read = async (headers) => {
    const answer = await fetch(`${url}/events`, { headers });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    let text = '';
    for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
    return text;
  };
  assert.equal(await read({}), 'id: a\ndata: one\n\nid: b\ndata: two\n\n');
  assert.equal(await read({ 'Last-Event-ID': 'a' }), 'id: b\ndata: two\n\n');
});
