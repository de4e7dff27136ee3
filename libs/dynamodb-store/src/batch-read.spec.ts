import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { writeImage } from '@tidemark/protocol';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { image, patient } from '../test/images.js';
import {
  awsError,
  hang,
  held,
  json,
  type ReceivedRequest,
  type Script,
  ScriptedServer,
} from '../test/scripted-server.js';
import { DynamoDbStore } from './dynamodb-store.js';
import { type DynamoDbStoreOptions } from './options.js';

const table = 'permissions';
let server: ScriptedServer;
let store: DynamoDbStore;

beforeAll(async () => {
  server = await ScriptedServer.start();
});

afterAll(() => server.close());

afterEach(() => store.close());

function open(options: DynamoDbStoreOptions = {}): DynamoDbStore {
  store = new DynamoDbStore({ config: server.config, backoffInitialMs: 1, backoffMaxMs: 2, ...options });
  return store;
}

function keys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `u:${at}`);
}

function askedFor({ body }: ReceivedRequest): readonly string[] {
  const request = body['RequestItems'] as Record<string, { Keys: { key: { S: string } }[] }>;
  return request[table]?.Keys.map(({ key }) => key.S) ?? [];
}

/** Answers the first `count` keys and leaves the others unprocessed. */
function answering(count: number): Script {
  return (response, request) => {
    const asked = askedFor(request);
    const left = asked.slice(count).map((key) => ({ key: { S: key } }));
    json({
      Responses: { [table]: asked.slice(0, count).map((key) => writeImage(image({ key }))) },
      UnprocessedKeys: left.length === 0 ? {} : { [table]: { Keys: left, ConsistentRead: true } },
    })(response, request);
  };
}

const answerAll = answering(100);

describe('readMany', () => {
  it('hazard 2: reads each key once, strongly, and leaves out what is in no item', async () => {
    server.play(json({ Responses: { [table]: [writeImage(image({ key: 'u:1' }))] }, UnprocessedKeys: {} }));
    const { items, unread } = await open().readMany(table, ['u:1', 'u:2', 'u:1', 'u:2'], patient);
    expect([...items]).toEqual([['u:1', image({ key: 'u:1' })]]);
    expect(unread.size).toBe(0);
    expect(server.received.map(({ body }) => body)).toEqual([
      { RequestItems: { [table]: { Keys: [{ key: { S: 'u:1' } }, { key: { S: 'u:2' } }], ConsistentRead: true } } },
    ]);
  });

  it('asks again for what was left unprocessed as it asked before: eventually', async () => {
    server.play(answering(1), answerAll);
    await open().readMany(table, ['u:1', 'u:2'], { ...patient, consistency: 'eventual' });
    expect(server.received.map(({ body }) => body)).toEqual([
      { RequestItems: { [table]: { Keys: [{ key: { S: 'u:1' } }, { key: { S: 'u:2' } }], ConsistentRead: false } } },
      { RequestItems: { [table]: { Keys: [{ key: { S: 'u:2' } }], ConsistentRead: false } } },
    ]);
  });

  it('of no key sends nothing', async () => {
    server.play(answerAll);
    await expect(open().readMany(table, [], patient)).resolves.toEqual({ items: new Map(), unread: new Map() });
    expect(server.operations).toEqual([]);
  });

  it('asks for at most 100 keys a request, and for every key', async () => {
    server.play(answerAll);
    const { items, unread } = await open().readMany(table, keys(250), patient);
    expect(server.received.map((request) => askedFor(request).length).sort()).toEqual([100, 100, 50]);
    expect([...items.keys()].sort()).toEqual([...keys(250)].sort());
    expect(unread.size).toBe(0);
  });

  it('has a limited number of requests under way', async () => {
    const first = held(answerAll);
    let underWay = 0;
    let most = 0;
    server.play((response, request) => {
      if (request.operation === 'GetItem') return json({})(response, request);
      underWay += 1;
      most = Math.max(most, underWay);
      response.on('finish', () => (underWay -= 1));
      first.script(response, request);
    });
    const call = open({ batchConcurrencyMax: 2 }).readMany(table, keys(900), patient);
    await eventually('two arrive', () => underWay === 2);
    for (const key of keys(3)) await store.read(table, key, patient);
    first.release();
    await expect(call).resolves.toMatchObject({ items: { size: 900 } });
    expect(most).toBe(2);
  });

  it('asks again for what was left, as long as each answer brings something', async () => {
    server.play(answering(30), answering(30), answering(30), answering(5), answerAll);
    const { items, unread } = await open({ readAttemptsMax: 2 }).readMany(table, keys(100), patient);
    expect(server.received.map((request) => askedFor(request).length)).toEqual([100, 70, 40, 10, 5]);
    expect(items.size).toBe(100);
    expect(unread.size).toBe(0);
  });

  it('gives up on what is left again and again, and tells which keys those are', async () => {
    server.play(answering(2), answering(0));
    const { items, unread } = await open({ readAttemptsMax: 3 }).readMany(table, keys(4), patient);
    expect(server.received.map((request) => askedFor(request).length)).toEqual([4, 2, 2, 2]);
    expect([...items.keys()]).toEqual(['u:0', 'u:1']);
    expect([...unread.keys()]).toEqual(['u:2', 'u:3']);
    expect(unread.get('u:2')).toMatchObject({ code: 'THROTTLED', retriable: true });
  });

  it('repeats a throttled request', async () => {
    server.play(awsError(400, 'ProvisionedThroughputExceededException'), answerAll);
    await expect(open().readMany(table, keys(3), patient)).resolves.toMatchObject({ items: { size: 3 } });
    expect(server.operations).toHaveLength(2);
  });

  it('tells which keys could not be read, and why, when others could', async () => {
    const denied = awsError(400, 'AccessDeniedException');
    server.play((response, request) => (askedFor(request).includes('u:100') ? denied : answerAll)(response, request));
    const { items, unread } = await open().readMany(table, keys(150), patient);
    expect(items.size).toBe(100);
    expect([...unread.keys()]).toEqual(keys(150).slice(100));
    for (const error of unread.values()) expect(error).toMatchObject({ code: 'ACCESS_DENIED' });
  });

  it('tells of the keys that are late, and keeps the others', async () => {
    server.play((response, request) => (askedFor(request).includes('u:100') ? answerAll : hang)(response, request));
    const clock = new ManualClock();
    const call = open({ clock, batchConcurrencyMax: 2 }).readMany(table, keys(250), { timeoutMs: 3_000 });
    await eventually('the third arrives, so the second is read', () => server.operations.length === 3);
    await clock.advance(3_000);
    const { items, unread } = await call;
    expect([...items.keys()].sort()).toEqual(keys(200).slice(100).sort());
    expect([...unread.keys()].sort()).toEqual([...keys(100), ...keys(250).slice(200)].sort());
    expect(unread.get('u:0')).toMatchObject({ code: 'TIMEOUT' });
    expect(unread.get('u:249')).toMatchObject({ code: 'TIMEOUT' });
  });

  it('stops asking for what was left when its caller gives up', async () => {
    server.play(answering(1));
    const aborter = new AbortController();
    let delays = 0;
    open({ clock: new ManualClock(), random: () => delays++ });
    const call = store.readMany(table, keys(4), { ...patient, signal: aborter.signal });
    await eventually('it waits to ask again', () => delays === 1);
    aborter.abort();
    const { items, unread } = await call;
    expect([...items.keys()]).toEqual(['u:0']);
    expect(unread.get('u:3')).toMatchObject({ code: 'ABORTED' });
    expect(server.operations).toHaveLength(1);
  });

  it('reports a malformed item as unread, beside the others', async () => {
    const malformed = { key: { S: 'u:1' }, value: { N: '1' } };
    server.play(json({ Responses: { [table]: [malformed, writeImage(image({ key: 'u:0' }))] } }));
    const { items, unread } = await open().readMany(table, keys(2), patient);
    expect([...items.keys()]).toEqual(['u:0']);
    expect([...unread.keys()]).toEqual(['u:1']);
    expect(unread.get('u:1')).toMatchObject({ code: 'MALFORMED_ITEM', context: { table } });
  });

  it('fails when nothing could be read', async () => {
    server.play(awsError(400, 'ResourceNotFoundException'));
    await expect(open().readMany(table, keys(120), patient)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    server.play(hang);
    await expect(store.readMany(table, keys(120), { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});
