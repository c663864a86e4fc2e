// What people do with wiremock-captain, and what it must find. All that is asserted holds for
// WireMock 3.13.2. Left out: the webhooks and response templates that it can ask for, since standin
// has neither.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { answers, call, client, form, json, timed, unknown, url } from './server.mjs';

const {
  BodyType,
  DelayType,
  EndpointFeature,
  MatchingAttributes,
  WireMock,
  WireMockAPI,
  WireMockFault,
} = client('wiremock-captain');
const captain = new WireMock(url);

const urls = (mappings) => mappings.map((mapping) => mapping.request.url);
const ok = { status: 200, body: 'ok' };
const text = { responseBodyType: BodyType.Body };

beforeEach(async () => {
  await captain.clearAllMappings();
  await captain.clearAllRequests();
});

describe('stubs', () => {
  test('a registered stub answers', async () => {
    const made = await captain.register(
      { method: 'POST', endpoint: '/items', body: { name: 'pen' } },
      { status: 201, body: { id: 7 }, headers: { 'X-Kind': 'stub' } },
    );
    assert.match(made.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(made.uuid, made.id);
    assert.deepEqual(made.response.jsonBody, { id: 7 });
    assert.equal(made.request.url, '/items');

    const answer = await call('/items', json({ name: 'pen' }));
    assert.equal(answer.status, 201);
    assert.deepEqual(JSON.parse(answer.body), { id: 7 });
    assert.equal(answer.headers['x-kind'], 'stub');
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    await answers('/items', 404, undefined, json({ name: 'book' }));
    await answers('/items', 404);
  });

  test('bodies as JSON, text and bytes', async () => {
    await captain.register(
      { method: 'GET', endpoint: '/json' },
      { status: 200, body: [1, { a: null }] },
    );
    await captain.register(
      { method: 'GET', endpoint: '/text' },
      { status: 200, body: 'plain' },
      text,
    );
    await captain.register(
      { method: 'GET', endpoint: '/bytes' },
      { status: 200, body: 'aGkh' },
      { responseBodyType: BodyType.Base64Body },
    );
    assert.deepEqual(JSON.parse((await call('/json')).body), [1, { a: null }]);
    await answers('/text', 200, 'plain');
    await answers('/bytes', 200, 'hi!');
  });

  test('every kind of url', async () => {
    const kinds = [
      [EndpointFeature.Default, '/a?x=1', 'url'],
      [EndpointFeature.UrlPath, '/a', 'path'],
      [EndpointFeature.UrlPathPattern, '/a/[0-9]+', 'path pattern'],
      [EndpointFeature.UrlPattern, '/b\\?x=[0-9]+', 'url pattern'],
    ];
    for (const [index, [requestEndpointFeature, endpoint, body]] of kinds.entries())
      await captain.register(
        { method: 'GET', endpoint },
        { status: 200, body },
        { ...text, requestEndpointFeature, stubPriority: index + 1 },
      );
    await answers('/a?x=1', 200, 'url');
    await answers('/a?x=2', 200, 'path');
    await answers('/a/12?y=1', 200, 'path pattern');
    await answers('/a/b', 404);
    await answers('/b?x=12', 200, 'url pattern');
    await answers('/b?x=', 404);
  });

  test('headers, cookies and query parameters', async () => {
    await captain.register(
      {
        method: 'GET',
        endpoint: '/m',
        headers: { 'X-Exact': 'yes', 'X-Form': '[a-z]+' },
        cookies: { session: 'abc' },
        queryParameters: { page: '[0-9]+', sort: 'up' },
      },
      ok,
      {
        ...text,
        requestEndpointFeature: EndpointFeature.UrlPath,
        requestHeaderFeatures: { 'X-Form': MatchingAttributes.Matches },
        requestCookieFeatures: { session: MatchingAttributes.Contains },
        requestQueryParamFeatures: { page: MatchingAttributes.DoesNotMatch },
      },
    );
    const headers = { 'X-Exact': 'yes', 'X-Form': 'ab', Cookie: 'session=xabcx' };
    await answers('/m?page=two&sort=up', 200, 'ok', { headers });
    await answers('/m?page=2&sort=up', 404, undefined, { headers });
    await answers('/m?page=two&sort=down', 404, undefined, { headers });
    await answers('/m?page=two&sort=up', 404, undefined, {
      headers: { ...headers, 'X-Exact': 'YES' },
    });
    await answers('/m?page=two&sort=up', 404, undefined, {
      headers: { ...headers, 'X-Form': 'ab1' },
    });
    await answers('/m?page=two&sort=up', 404, undefined, {
      headers: { ...headers, Cookie: 'session=ab' },
    });
  });

  test('form parameters', async () => {
    await captain.register(
      { method: 'POST', endpoint: '/form', formParameters: { name: 'ann', age: '[0-9]+' } },
      ok,
      { ...text, requestFormParameterFeatures: { age: MatchingAttributes.Matches } },
    );
    await answers('/form', 200, 'ok', form({ name: 'ann', age: '42' }));
    await answers('/form', 404, undefined, form({ name: 'ann', age: 'old' }));
    await answers('/form', 404, undefined, form({ age: '42' }));
  });

  test('bodies as JSON, strict and loose', async () => {
    const body = { a: [1, 2] };
    await captain.register({ method: 'POST', endpoint: '/strict', body }, ok, text);
    await captain.register({ method: 'POST', endpoint: '/loose', body }, ok, {
      ...text,
      requestIgnoreArrayOrder: true,
      requestIgnoreExtraElements: true,
    });
    await answers('/strict', 200, 'ok', json({ a: [1, 2] }));
    await answers('/strict', 404, undefined, json({ a: [2, 1] }));
    await answers('/strict', 404, undefined, json({ a: [1, 2], b: 1 }));
    await answers('/loose', 200, 'ok', json({ b: 1, a: [2, 1] }));
    await answers('/loose', 404, undefined, json({ a: [3] }));
  });

  test('bodies by every other matcher', async () => {
    const cases = [
      [MatchingAttributes.EqualTo, 'one two', 'one two', 'one two '],
      [MatchingAttributes.Contains, 'one', 'all in one', 'two'],
      [MatchingAttributes.Matches, 'a+b', 'aab', 'aabc'],
      [MatchingAttributes.DoesNotMatch, 'a+b', 'aabc', 'aab'],
      [
        MatchingAttributes.MatchesJsonPath,
        '$.items[?(@.price > 10)]',
        '{"items":[{"price":11}]}',
        '{"items":[{"price":10}]}',
      ],
      [
        MatchingAttributes.BinaryEqualTo,
        'AQID',
        new Uint8Array([1, 2, 3]),
        new Uint8Array([1, 2, 4]),
      ],
    ];
    for (const [requestBodyFeature, body, good, bad] of cases) {
      const endpoint = `/${requestBodyFeature}`;
      await captain.register({ method: 'POST', endpoint, body }, ok, {
        ...text,
        requestBodyFeature,
      });
      await answers(endpoint, 200, 'ok', { method: 'POST', body: good });
      await answers(endpoint, 404, undefined, { method: 'POST', body: bad });
    }
  });

  test('any method', async () => {
    await captain.register({ method: 'ANY', endpoint: '/any' }, ok, text);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      await answers('/any', 200, 'ok', { method });
  });

  test('the lower priority and then the newer stub wins', async () => {
    const register = (body, stubPriority) =>
      captain.register(
        { method: 'GET', endpoint: '/p' },
        { status: 200, body },
        { ...text, stubPriority },
      );
    await register('first');
    await register('second');
    await answers('/p', 200, 'second');
    const urgent = await register('urgent', 1);
    assert.equal(urgent.priority, 1);
    await register('late', 9);
    await answers('/p', 200, 'urgent');
  });

  test('every kind of delay', async () => {
    const kinds = [
      [{ type: DelayType.FIXED, constantDelay: 200 }, 200],
      [{ type: DelayType.UNIFORM, lower: 200, upper: 210 }, 200],
      [{ type: DelayType.LOG_NORMAL, median: 200, sigma: 0.01 }, 180],
      [{ type: DelayType.CHUNKED_DRIBBLE, numberOfChunks: 2, totalDuration: 400 }, 200],
    ];
    for (const [responseDelay, least] of kinds) {
      const endpoint = `/${responseDelay.type}`;
      await captain.register(
        { method: 'GET', endpoint },
        { status: 200, body: 'in time' },
        { ...text, responseDelay },
      );
      // a timer of node's may end a millisecond early
      const took = await timed(() => answers(endpoint, 200, 'in time'));
      assert.ok(took >= least - 1, `${responseDelay.type} took ${took} ms`);
    }
  });

  test('faults break the connection', async () => {
    for (const fault of Object.values(WireMockFault)) {
      const made = await captain.register({ method: 'GET', endpoint: `/${fault}` }, ok, { fault });
      assert.equal(made.response.fault, fault);
      await assert.rejects(call(`/${fault}`), (error) => error.code !== undefined, fault);
    }
  });

  test('one is got by its id, and deleted', async () => {
    const { id } = await captain.register({ method: 'GET', endpoint: '/one' }, ok, {
      ...text,
      stubPriority: 2,
    });
    const got = await captain.getMapping(id);
    assert.equal(got.id, id);
    assert.equal(got.priority, 2);
    assert.deepEqual(got.request, { url: '/one', method: 'GET' });
    assert.equal(got.response.body, 'ok');

    assert.equal((await captain.deleteMapping(id)).status, 200);
    await answers('/one', 404);
    assert.equal((await captain.deleteMapping(id)).status, 404);
    assert.equal((await captain.deleteMapping(unknown)).status, 404);
  });

  test('all are listed, newest first, and cleared', async () => {
    assert.deepEqual(await captain.getAllMappings(), []);
    for (const endpoint of ['/1', '/2']) await captain.register({ method: 'GET', endpoint }, ok);
    assert.deepEqual(urls(await captain.getAllMappings()), ['/2', '/1']);
    assert.equal((await captain.clearAllMappings()).status, 200);
    assert.deepEqual(await captain.getAllMappings(), []);
  });

  test('they are found and removed by what is said of them', async () => {
    const register = (endpoint, metadata) =>
      captain.register({ method: 'GET', endpoint, metadata }, ok);
    const ann = await register('/ann', { owner: 'ann', tags: ['x'] });
    assert.deepEqual(ann.metadata, { owner: 'ann', tags: ['x'] });
    await register('/bob', { owner: 'bob' });
    await register('/nobody');

    const path = { expression: '$.owner', equalTo: 'ann' };
    assert.deepEqual(
      urls(await captain.findMappingByMetadata(path, MatchingAttributes.MatchesJsonPath)),
      ['/ann'],
    );
    assert.deepEqual(
      urls(await captain.findMappingByMetadata({ owner: 'bob' }, MatchingAttributes.EqualToJson)),
      ['/bob'],
    );
    assert.deepEqual(
      await captain.findMappingByMetadata('$.never', MatchingAttributes.MatchesJsonPath),
      [],
    );
    await captain.removeMappingByMetadata(path, MatchingAttributes.MatchesJsonPath);
    assert.deepEqual(urls(await captain.getAllMappings()), ['/nobody', '/bob']);
  });

  test('a reset drops what was registered', async () => {
    await captain.register({ method: 'GET', endpoint: '/dropped' }, ok);
    assert.equal((await captain.resetMappings()).status, 200);
    assert.deepEqual(await captain.getAllMappings(), []);
    await answers('/dropped', 404);
  });
});

describe('scenarios', () => {
  const register = (requiredScenarioState, newScenarioState, body) =>
    captain.register(
      { method: 'GET', endpoint: '/order' },
      { status: 200, body },
      {
        ...text,
        scenario: { scenarioName: 'order', requiredScenarioState, newScenarioState },
      },
    );

  test('one goes on, is listed, and goes back', async () => {
    const made = await register('Started', 'paid', 'open');
    assert.deepEqual(
      [made.scenarioName, made.requiredScenarioState, made.newScenarioState],
      ['order', 'Started', 'paid'],
    );
    await register('paid', 'sent', 'paid');
    await register('sent', undefined, 'sent');
    await answers('/order', 200, 'open');
    await answers('/order', 200, 'paid');

    const [order, ...others] = await captain.getAllScenarios();
    assert.deepEqual(others, []);
    assert.deepEqual([order.id, order.name, order.state], ['order', 'order', 'sent']);
    assert.deepEqual([...order.possibleStates].sort(), ['Started', 'paid', 'sent']);
    assert.equal(order.mappings.length, 3);
    assert.ok(order.mappings.some((mapping) => mapping.id === made.id));

    await answers('/order', 200, 'sent');
    assert.equal((await captain.resetAllScenarios()).status, 200);
    assert.equal((await captain.getAllScenarios())[0].state, 'Started');
    await answers('/order', 200, 'open');
  });

  test('one goes with its stubs', async () => {
    await register('Started', 'paid', 'open');
    await captain.clearAllMappings();
    assert.deepEqual(await captain.getAllScenarios(), []);
  });
});

describe('requests', () => {
  beforeEach(async () => {
    await captain.register({ method: 'ANY', endpoint: '/matched' }, ok, {
      ...text,
      requestEndpointFeature: EndpointFeature.UrlPath,
    });
  });

  test('all are listed, newest first', async () => {
    assert.deepEqual(await captain.getAllRequests(), []);
    const [stub] = await captain.getAllMappings();
    await call('/matched?a=1', json({ a: 1 }));
    await call('/unknown');
    const [missed, matched, ...others] = await captain.getAllRequests();
    assert.deepEqual(others, []);

    assert.match(matched.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.notEqual(matched.id, missed.id);
    assert.equal(matched.wasMatched, true);
    assert.equal(matched.stubMapping.id, stub.id);
    const { request } = matched;
    assert.deepEqual(
      [request.method, request.url, request.absoluteUrl, request.body, request.bodyAsBase64],
      ['POST', '/matched?a=1', `${url}/matched?a=1`, '{"a":1}', 'eyJhIjoxfQ=='],
    );
    assert.deepEqual(
      [request.scheme, request.host, String(request.port), request.protocol],
      ['http', '127.0.0.1', new URL(url).port, 'HTTP/1.1'],
    );
    assert.deepEqual(request.queryParams, { a: { key: 'a', values: ['1'] } });
    assert.ok(Math.abs(request.loggedDate - Date.now()) < 10_000);
    assert.equal(matched.response.status, 200);
    assert.equal(matched.response.body, 'ok');
    assert.equal(matched.responseDefinition.body, 'ok');
    assert.ok(matched.timing.totalTime >= 0);

    assert.equal(missed.wasMatched, false);
    assert.equal(missed.response.status, 404);
  });

  test('those for one address', async () => {
    await call('/matched');
    await call('/matched?a=1');
    await call('/matched', { method: 'DELETE' });
    const found = await captain.getRequestsForAPI('GET', '/matched');
    assert.deepEqual(
      found.map((event) => [event.request.method, event.request.url]),
      [['GET', '/matched']],
    );
    assert.deepEqual(await captain.getRequestsForAPI('PUT', '/matched'), []);
  });

  test('unmatched ones', async () => {
    await call('/matched');
    await call('/unknown/1');
    await call('/unknown/2');
    assert.deepEqual(
      (await captain.getUnmatchedRequests()).map((request) => request.url),
      ['/unknown/2', '/unknown/1'],
    );
  });

  test('they are cleared, the stubs stay', async () => {
    await call('/matched');
    assert.equal((await captain.clearAllRequests()).status, 200);
    assert.deepEqual(await captain.getAllRequests(), []);
    await answers('/matched', 200, 'ok');
  });

  test('stubs and requests are cleared at once', async () => {
    await call('/matched');
    for (const answer of await captain.clearAll()) assert.equal(answer.status, 200);
    assert.deepEqual(await captain.getAllRequests(), []);
    assert.deepEqual(await captain.getAllMappings(), []);

    await captain.register({ method: 'GET', endpoint: '/other' }, ok);
    await call('/other');
    for (const answer of await captain.clearAllExceptDefault()) assert.equal(answer.status, 200);
    assert.deepEqual(await captain.getAllRequests(), []);
    assert.deepEqual(await captain.getAllMappings(), []);
  });
});

describe('one address', () => {
  test('has defaults of its own', async () => {
    const api = new WireMockAPI(url, '/api', 'POST', text);
    await api.registerDefaultResponse({ status: 200, body: 'default' });
    const special = await api.register(
      { body: { a: 1 } },
      { status: 201, body: 'special' },
      { stubPriority: 1 },
    );
    assert.equal(special.request.method, 'POST');
    await answers('/api', 200, 'default', json({ a: 2 }));
    await answers('/api', 201, 'special', json({ a: 1 }));
    await answers('/api', 404);
  });

  test('tells what came there', async () => {
    const api = new WireMockAPI(url, '/api', 'POST');
    await api.registerDefaultResponse({ status: 204 });
    await call('/api', json({ a: 1 }));
    await call('/api');
    const found = await api.getRequestsForAPI();
    assert.deepEqual(
      found.map((event) => event.request.body),
      ['{"a":1}'],
    );
  });
});
