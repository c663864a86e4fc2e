// What people do with wiremock-rest-client, and what it must find. All that is asserted holds for
// WireMock 3.13.2. Left out is what the client cannot do there: `resetAllRequests`, and near misses
// by request and by pattern (paths that WireMock 3 does not have).

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';

import { answers, call, client, json, service, timed, unknown, url } from './server.mjs';

const { WireMockRestClient } = client('wiremock-rest-client');
// it would end the process on what is not found
const { mappings, requests, scenarios, recordings, global } = new WireMockRestClient(url, {
  logLevel: 'silent',
  continueOnFailure: true,
});

const stub = (path, response = { status: 200, body: 'ok' }, fields = {}) => ({
  request: { method: 'GET', url: path },
  response,
  ...fields,
});
const urls = async () =>
  (await mappings.getAllMappings()).mappings.map((mapping) => mapping.request.url);

beforeEach(async () => {
  await mappings.deleteAllMappings();
  await global.resetAll();
});

describe('mappings', () => {
  test('a created one answers', async () => {
    const made = await mappings.createMapping({
      name: 'items',
      priority: 2,
      request: {
        method: 'POST',
        urlPathPattern: '/items/[a-z]+',
        bodyPatterns: [{ matchesJsonPath: '$.name' }],
      },
      response: { status: 201, jsonBody: { id: 7 }, headers: { Location: '/items/7' } },
      metadata: { owner: 'ann' },
    });
    assert.match(made.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.deepEqual(
      [made.uuid, made.name, made.priority, made.metadata],
      [made.id, 'items', 2, { owner: 'ann' }],
    );
    const answer = await call('/items/new', json({ name: 'pen' }));
    assert.deepEqual(
      [answer.status, answer.body, answer.headers.location],
      [201, '{"id":7}', '/items/7'],
    );
    await answers('/items/new', 404, undefined, json({}));
  });

  test('one is got, replaced and deleted by its id', async () => {
    const { id } = await mappings.createMapping(stub('/one'));
    assert.equal((await mappings.getMapping(id)).request.url, '/one');
    const replaced = await mappings.updateMapping(id, stub('/two'));
    assert.deepEqual([replaced.id, replaced.request.url], [id, '/two']);
    await answers('/one', 404);
    await answers('/two', 200, 'ok');

    assert.deepEqual(await mappings.deleteMapping(id), {});
    assert.equal(await mappings.getMapping(id), '');
    await answers('/two', 404);
    assert.equal(await mappings.updateMapping(unknown, stub('/three')), '');
    assert.deepEqual(await urls(), []);
  });

  test('all are listed with their number', async () => {
    await mappings.createMapping(stub('/1'));
    await mappings.createMapping(stub('/2'));
    const all = await mappings.getAllMappings();
    assert.equal(all.meta.total, 2);
    assert.deepEqual(
      all.mappings.map((mapping) => mapping.request.url),
      ['/2', '/1'],
    );
  });

  test('from files', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'stubs-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'a.json'), JSON.stringify(stub('/a')));
    // the client reads JSON5
    await writeFile(
      join(folder, 'b.json5'),
      "{request: {method: 'GET', url: '/b'}, response: {status: 200, body: 'from b'}, /* so */}",
    );
    const made = await Promise.all(
      await mappings.createMappingsFromDir(relative(process.cwd(), folder)),
    );
    assert.deepEqual(made.map((mapping) => mapping.request.url).sort(), ['/a', '/b']);
    await answers('/b', 200, 'from b');
  });

  test('they are found and removed by what is said of them', async () => {
    await mappings.createMapping(stub('/ann', undefined, { metadata: { owner: 'ann' } }));
    await mappings.createMapping(stub('/bob', undefined, { metadata: { owner: 'bob' } }));
    const found = await mappings.findByMetaData({
      matchesJsonPath: { expression: '$.owner', contains: 'an' },
    });
    assert.deepEqual(
      found.mappings.map((mapping) => mapping.request.url),
      ['/ann'],
    );
    assert.equal(found.meta.total, 1);
    await mappings.removeByMetaData({ equalToJson: '{"owner": "ann"}' });
    assert.deepEqual(await urls(), ['/bob']);
  });

  test('what was saved outlives a reset', async () => {
    await mappings.createMapping(stub('/kept'));
    await mappings.saveAllMappings();
    await mappings.createMapping(stub('/lost'));
    await mappings.resetAllMappings();
    assert.deepEqual(await urls(), ['/kept']);
    await mappings.deleteAllMappings();
    await mappings.resetAllMappings();
    assert.deepEqual(await urls(), []);
  });

  test('one that is wrong is refused in words', async () => {
    const refused = await mappings.createMapping({
      request: { headers: { X: { equalToo: '1' } } },
      response: {},
    });
    assert.equal(typeof refused.errors[0].code, 'number');
    assert.match(refused.errors[0].detail, /equalToo/);
    assert.deepEqual(await urls(), []);
  });
});

describe('requests', () => {
  beforeEach(() =>
    mappings.createMapping({
      request: { urlPath: '/matched' },
      response: { status: 200 },
      metadata: { owner: 'ann' },
    }),
  );

  const seen = async () =>
    (await requests.getAllRequests()).requests.map((event) => event.request.url);

  test('all are listed, and deleted', async () => {
    await call('/matched?n=1');
    await call('/unknown');
    const all = await requests.getAllRequests();
    assert.equal(all.meta.total, 2);
    assert.equal(all.requestJournalDisabled, false);
    assert.deepEqual(await seen(), ['/unknown', '/matched?n=1']);
    assert.deepEqual(await requests.deleteAllRequests(), {});
    assert.deepEqual(await seen(), []);
  });

  test('one is got and deleted by its id', async () => {
    await call('/matched?n=1');
    await call('/matched?n=2');
    const [{ id }] = (await requests.getAllRequests()).requests;
    const got = await requests.getRequest(id);
    assert.deepEqual([got.id, got.request.url, got.wasMatched], [id, '/matched?n=2', true]);
    assert.deepEqual(await requests.deleteRequest(id), {});
    assert.deepEqual(await seen(), ['/matched?n=1']);
    assert.equal(await requests.getRequest(id), '');
    assert.deepEqual(await requests.deleteRequest(unknown), {});
  });

  test('they are counted, found and removed by a pattern', async () => {
    await call('/matched?n=1');
    await call('/matched?n=2', json({ a: 1 }));
    await call('/unknown');
    assert.equal((await requests.getCount({ urlPath: '/matched' })).count, 2);
    assert.equal(
      (await requests.getCount({ method: 'POST', bodyPatterns: [{ equalToJson: { a: 1 } }] }))
        .count,
      1,
    );
    assert.equal((await requests.getCount({})).count, 3);
    const found = await requests.findRequests({ urlPathPattern: '/m.*' });
    assert.deepEqual(
      found.requests.map((request) => [request.method, request.url, request.body]),
      [
        ['GET', '/matched?n=1', ''],
        ['POST', '/matched?n=2', '{"a":1}'],
      ],
    );

    const removed = await requests.removeRequests({ method: 'GET', urlPath: '/matched' });
    assert.deepEqual(
      removed.serveEvents.map((event) => event.request.url),
      ['/matched?n=1'],
    );
    assert.deepEqual(await seen(), ['/unknown', '/matched?n=2']);
  });

  test('they are removed by what is said of their stubs', async () => {
    await call('/matched');
    await call('/unknown');
    const removed = await requests.removeRequestsByMetadata({
      matchesJsonPath: { expression: '$.owner', equalTo: 'ann' },
    });
    assert.deepEqual(
      removed.serveEvents.map((event) => event.request.url),
      ['/matched'],
    );
    assert.deepEqual(await seen(), ['/unknown']);
  });

  test('unmatched ones, and the stubs nearest to them', async () => {
    await call('/matched');
    await call('/matches');
    assert.deepEqual(
      (await requests.getUnmatchedRequests()).requests.map((request) => request.url),
      ['/matches'],
    );
    const [miss, ...others] = (await requests.getUnmatchedNearMisses()).nearMisses;
    assert.deepEqual(others, []);
    assert.equal(miss.request.url, '/matches');
    assert.equal(miss.stubMapping.request.urlPath, '/matched');
    assert.ok(
      miss.matchResult.distance > 0 && miss.matchResult.distance < 0.5,
      miss.matchResult.distance,
    );
  });
});

describe('scenarios', () => {
  const step = (name, requiredScenarioState, newScenarioState, body) =>
    mappings.createMapping(
      stub(
        `/${name}`,
        { status: 200, body },
        { scenarioName: name, requiredScenarioState, newScenarioState },
      ),
    );
  const state = async (name) =>
    (await scenarios.getAllScenarios()).scenarios.find((scenario) => scenario.name === name)?.state;

  beforeEach(async () => {
    for (const name of ['order', 'other']) {
      await step(name, 'Started', 'paid', 'open');
      await step(name, 'paid', 'sent', 'paid');
      await step(name, 'sent', undefined, 'sent');
    }
  });

  test('a state is set and holds', async () => {
    await scenarios.setScenarioState('order', 'sent');
    assert.deepEqual([await state('order'), await state('other')], ['sent', 'Started']);
    await answers('/order', 200, 'sent');
    await answers('/other', 200, 'open');
  });

  test('a state or a scenario that is not there is refused', async () => {
    const refused = await scenarios.setScenarioState('order', 'never');
    assert.equal(refused.errors[0].code, 11);
    assert.match(refused.errors[0].title, /never/);
    assert.ok((await scenarios.setScenarioState('nobody', 'paid')).errors.length > 0);
    assert.equal(await state('order'), 'Started');
  });

  test('one is reset, or all', async () => {
    for (const name of ['order', 'other']) await answers(`/${name}`, 200, 'open');
    await scenarios.resetScenario('order');
    assert.deepEqual([await state('order'), await state('other')], ['Started', 'paid']);
    await answers('/order', 200, 'open');
    await scenarios.resetAllScenarios();
    assert.deepEqual([await state('order'), await state('other')], ['Started', 'Started']);
    await answers('/other', 200, 'open');
  });
});

describe('a real service', () => {
  test('a stub proxies to it', async (t) => {
    const real = await service(t);
    const response = {
      proxyBaseUrl: real.url,
      additionalProxyRequestHeaders: { 'X-Own': 'added' },
      headers: { 'X-Stub': 'yes' },
    };
    await mappings.createMapping({ request: { method: 'ANY', urlPattern: '/real/.*' }, response });
    const answer = await call('/real/a?b=1', json({ c: 2 }));
    assert.deepEqual(
      [answer.status, answer.body, answer.headers['x-stub']],
      [200, 'POST /real/a?b=1 {"c":2}', 'yes'],
    );
    assert.equal(real.heard[0].headers['x-own'], 'added');
    const [event] = (await requests.getAllRequests()).requests;
    assert.deepEqual([event.wasMatched, event.response.body], [true, answer.body]);
  });

  test('it is recorded, and then not called any more', async (t) => {
    const real = await service(t);
    await recordings.startRecording({
      targetBaseUrl: real.url,
      persist: false,
      captureHeaders: { 'X-Key': {} },
    });
    assert.equal((await recordings.getRecordingStatus()).status, 'Recording');
    await answers('/recorded?a=1', 200, 'GET /recorded?a=1 ', { headers: { 'X-Key': 'k' } });
    const { mappings: made } = await recordings.stopRecording();
    assert.equal((await recordings.getRecordingStatus()).status, 'Stopped');
    assert.deepEqual(
      made.map((one) => [one.name, one.request.urlPath]),
      [['recorded', '/recorded']],
    );
    assert.deepEqual(made[0].request.headers, { 'X-Key': { equalTo: 'k' } });
    await answers('/recorded?a=1', 200, 'GET /recorded?a=1 ', { headers: { 'X-Key': 'k' } });
    await answers('/recorded?a=1', 404);
    assert.equal(real.heard.length, 1);
  });

  test('a snapshot takes what was proxied', async (t) => {
    const real = await service(t);
    await mappings.createMapping({
      request: { method: 'ANY', urlPattern: '.*' },
      response: { proxyBaseUrl: real.url },
    });
    await answers('/one', 200, 'GET /one ');
    await answers('/two', 200, 'GET /two ');
    const taken = await recordings.takeSnapshotRecording({
      persist: false,
      filters: { urlPattern: '/one' },
    });
    assert.deepEqual(
      taken.mappings.map((one) => one.request.url),
      ['/one'],
    );
  });
});

describe('the server', () => {
  test('a delay for all holds until it is taken back', async (t) => {
    await mappings.createMapping(stub('/quick'));
    t.after(() => global.updateGlobalSettings({ fixedDelay: 0 }));
    await global.updateGlobalSettings({ fixedDelay: 300 });
    const slow = await timed(() => answers('/quick', 200, 'ok'));
    assert.ok(slow >= 299, `${slow} ms`);
    await global.updateGlobalSettings({ fixedDelay: 0 });
    const quick = await timed(() => answers('/quick', 200, 'ok'));
    assert.ok(quick < 300, `${quick} ms`);
  });

  test('all is reset', async () => {
    await mappings.createMapping(
      stub('/order', undefined, {
        scenarioName: 'order',
        requiredScenarioState: 'Started',
        newScenarioState: 'next',
      }),
    );
    await answers('/order', 200, 'ok');
    assert.equal(await global.resetAll(), '');
    assert.deepEqual(await urls(), []);
    assert.equal((await requests.getAllRequests()).meta.total, 0);
    assert.deepEqual((await scenarios.getAllScenarios()).scenarios, []);
  });
});

// after all others: nothing answers any more
after(async () => {
  await global.shutdown();
  for (let tries = 0; tries < 100; tries++) {
    const gone = await call('/').then(
      () => false,
      () => true,
    );
    if (gone) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('the server still answers after the shutdown');
});
