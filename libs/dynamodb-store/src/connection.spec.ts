import { createServer } from 'node:net';
import { type AddressInfo } from 'node:net';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type StoreCall } from '@tidemark/cache';
import { eventually, ManualClock, settle } from '@tidemark/runtime/testing';
import { image, patient, writeId } from '../test/images.js';
import { awsError, halfAnAnswer, hang, held, json, reset, ScriptedServer } from '../test/scripted-server.js';
import { DynamoDbStore } from './dynamodb-store.js';
import { type DynamoDbStoreOptions } from './options.js';

interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const table = 'permissions';
const newer = { type: 'newer', than: writeId(2) } as const;
const throttled = awsError(400, 'ThrottlingException');
let server: ScriptedServer;
const opened: DynamoDbStore[] = [];

beforeAll(async () => {
  server = await ScriptedServer.start();
});

afterAll(() => server.close());

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

function open(options: DynamoDbStoreOptions = {}): DynamoDbStore {
  const connected = options.client === undefined ? { config: server.config } : {};
  const store = new DynamoDbStore({ ...connected, backoffInitialMs: 1, backoffMaxMs: 2, ...options });
  opened.push(store);
  return store;
}

/** With its connection made, so that a short time-out meets what it is meant for. */
async function openWarm(options: DynamoDbStoreOptions): Promise<DynamoDbStore> {
  server.play(json({}));
  const store = open({ ...options, readAttemptsMax: 10, backoffMaxMs: 100 });
  await store.read(table, 'u:1', patient);
  return store;
}

function callOf(store: DynamoDbStore, operation: string, call: StoreCall): Promise<unknown> {
  if (operation === 'PutItem') return store.put(table, image(), newer, call);
  if (operation === 'DeleteItem') return store.delete(table, 'u:1', newer, call);
  return store.read(table, 'u:1', call);
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    (value) => ({ resolved: value }),
    (error: unknown) => error,
  );
}

describe('a time-out', () => {
  it.each([
    ['before the answer', hang],
    ['within the answer', halfAnAnswer],
  ])('ends a call %s, closes its connection, and leaves the pool usable', async (_name, script) => {
    server.play(script);
    const clock = new ManualClock();
    const store = open({ clock, socketsMax: 1 });
    for (const [at, operation] of ['GetItem', 'PutItem', 'DeleteItem'].entries()) {
      const outcome = failure(callOf(store, operation, { timeoutMs: 3_000 }));
      await eventually(`${operation} arrives`, () => server.operations.length === at + 1);
      await clock.advance(2_999);
      expect(clock.pending).toBe(1);
      await clock.advance(1);
      expect(await outcome).toMatchObject({ code: operation === 'GetItem' ? 'TIMEOUT' : 'AMBIGUOUS_WRITE' });
      expect(clock.pending).toBe(0);
      await eventually('the connection is closed', () => server.openConnections === 0);
    }
    expect(server.operations).toEqual(['GetItem', 'PutItem', 'DeleteItem']);
    server.play(json({ Item: { key: { S: 'u:1' } } }));
    await expect(store.read(table, 'u:1', patient)).resolves.toMatchObject({ key: 'u:1' });
  });

  it('comes in time', async () => {
    server.play(hang);
    const startedAt = performance.now();
    await expect(open().read(table, 'u:1', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      retriable: true,
      context: { timeoutMs: expect.any(Number) },
    });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(95);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('of one request leaves a read the time for another', async () => {
    const store = await openWarm({ requestTimeoutMs: 250 });
    server.play(hang, json({ Item: { key: { S: 'u:1' } } }));
    await expect(store.read(table, 'u:1', patient)).resolves.toMatchObject({ key: 'u:1' });
    expect(server.operations).toHaveLength(2);
  });

  it('of one request makes a write ambiguous', async () => {
    const store = await openWarm({ requestTimeoutMs: 250 });
    server.play(hang);
    await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    expect(server.operations).toHaveLength(1);
  });

  it('that has passed already sends nothing', async () => {
    server.play(json({}));
    const store = open();
    for (const timeoutMs of [0, -5]) {
      await expect(store.read(table, 'u:1', { timeoutMs })).rejects.toMatchObject({ code: 'TIMEOUT' });
      await expect(store.put(table, image(), newer, { timeoutMs })).rejects.toMatchObject({ code: 'TIMEOUT' });
    }
    expect(server.operations).toEqual([]);
  });

  it('while credentials are fetched is definite, and the write does not go out later', async () => {
    const clock = new ManualClock();
    let provide: (credentials: AwsCredentials) => void = () => undefined;
    let asked = 0;
    let sent = 0;
    const store = open({
      clock,
      readAttemptsMax: 1,
      config: {
        ...server.config,
        credentials: () => {
          asked += 1;
          return new Promise<AwsCredentials>((resolve) => (provide = resolve));
        },
        requestHandler: {
          handle: async () => {
            sent += 1;
            throw new Error('sent');
          },
        },
      },
    });
    const late = failure(store.put(table, image(), newer, { timeoutMs: 100 }));
    await eventually('credentials are asked for', () => asked > 0);
    await clock.advance(100);
    expect(await late).toMatchObject({ code: 'TIMEOUT' });
    provide({ accessKeyId: 'local', secretAccessKey: 'local' });
    await expect(store.read(table, 'u:1', patient)).rejects.toMatchObject({ cause: { message: 'sent' } });
    expect(sent).toBe(1);
  });
});

describe('an abort', () => {
  it('before the call sends nothing', async () => {
    server.play(json({}));
    const call = { ...patient, signal: AbortSignal.abort() };
    const store = open();
    await expect(store.read(table, 'u:1', call)).rejects.toMatchObject({ code: 'ABORTED', retriable: false });
    await expect(store.delete(table, 'u:1', newer, call)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(store.readMany(table, ['u:1'], call)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.operations).toEqual([]);
  });

  it('during the call ends a read, and makes a write ambiguous', async () => {
    server.play(hang);
    const aborter = new AbortController();
    const call = { ...patient, signal: aborter.signal };
    const store = open();
    const read = failure(store.read(table, 'u:1', call));
    const put = failure(store.put(table, image(), newer, call));
    await eventually('both arrive', () => server.operations.length === 2);
    aborter.abort();
    expect(await read).toMatchObject({ code: 'ABORTED' });
    expect(await put).toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    await eventually('the connections are closed', () => server.openConnections === 0);
  });

  it('between two attempts ends the read', async () => {
    server.play(throttled);
    const aborter = new AbortController();
    let delays = 0;
    const store = open({ clock: new ManualClock(), random: () => delays++ });
    const read = failure(store.read(table, 'u:1', { ...patient, signal: aborter.signal }));
    await eventually('the read waits to go again', () => delays === 1);
    aborter.abort();
    expect(await read).toMatchObject({ code: 'ABORTED' });
    expect(server.operations).toHaveLength(1);
  });
});

describe('no connection', () => {
  const unavailable = { code: 'STORE_UNAVAILABLE', retriable: true };

  it.each(['http://127.0.0.1', 'http://localhost', 'https://localhost'])(
    'is definite for every call when %s refuses it, on each of its addresses',
    async (host) => {
      const endpoint = `${host}:${await closedPort()}`;
      const store = open({ config: { ...server.config, endpoint } });
      const claim = { leaseId: 'mine', nowMs: 1, leaseUntil: 2, expiresAt: 3 };
      await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject(unavailable);
      await expect(store.delete(table, 'u:1', newer, patient)).rejects.toMatchObject(unavailable);
      await expect(store.acquireLease(table, 'u:1', claim, patient)).rejects.toMatchObject(unavailable);
      for (const held of [null, 'w'])
        await expect(
          store.releaseLease(table, 'u:1', { leaseId: 'mine', writeId: held }, patient),
        ).rejects.toMatchObject(unavailable);
      await expect(store.touch(table, 'u:1', 'm', patient)).rejects.toMatchObject(unavailable);
      await expect(store.read(table, 'u:1', patient)).rejects.toMatchObject(unavailable);
    },
  );

  it('is definite for a write when it is refused to a client that was handed over', async () => {
    const client = new DynamoDBClient({ ...server.config, endpoint: `http://localhost:${await closedPort()}` });
    await expect(open({ client }).put(table, image(), newer, patient)).rejects.toMatchObject(unavailable);
    client.destroy();
  });

  it('is definite for a write when the server has gone, and ambiguous when it goes while one is under way', async () => {
    const doomed = await ScriptedServer.start();
    const store = open({ config: doomed.config });
    doomed.play(json({}), hang);
    await store.put(table, image(), newer, patient);
    const underWay = failure(store.put(table, image(), newer, patient));
    await eventually('the put arrives', () => doomed.operations.length === 2);
    await doomed.close();
    expect(await underWay).toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject(unavailable);
  });

  it('is definite for a write that waits for a free one in vain, and it does not go out later', async () => {
    const { script, release } = held(json({}));
    const store = await openWarm({ socketsMax: 1, connectionTimeoutMs: 250 });
    server.play(script);
    const first = store.put(table, image(), newer, patient);
    await eventually('the first arrives', () => server.operations.length === 1);
    await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    release();
    await expect(first).resolves.toMatchObject({ type: 'committed' });
    await store.read(table, 'u:1', patient);
    expect(server.operations).toEqual(['PutItem', 'GetItem']);
  });
});

describe('connections', () => {
  it('are kept and shared, up to the limit', async () => {
    server.play(json({}));
    const before = server.connections;
    const store = open({ socketsMax: 2 });
    await Promise.all(Array.from({ length: 10 }, () => store.read(table, 'u:1', patient)));
    await store.read(table, 'u:1', patient);
    expect(server.operations).toHaveLength(11);
    expect(server.connections - before).toBe(2);
  });
});

describe('a client that was handed over', () => {
  it('retries no request of ours, whatever it is configured for, and its own as before', async () => {
    const client = new DynamoDBClient({ ...server.config, maxAttempts: 5 });
    const store = open({ client, readAttemptsMax: 2 });
    server.play(throttled);
    await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(server.operations).toEqual(['PutItem']);
    server.play(reset);
    await expect(store.delete(table, 'u:1', newer, patient)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
    expect(server.operations).toEqual(['DeleteItem']);
    server.play(awsError(500, 'InternalServerError'));
    await expect(store.read(table, 'u:1', patient)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(server.operations).toEqual(['GetItem', 'GetItem']);
    const own = new GetItemCommand({ TableName: table, Key: { key: { S: 'u:1' } } });
    server.play(reset, json({}));
    await client.send(own);
    expect(server.operations).toEqual(['GetItem', 'GetItem']);
    client.destroy();
  });

  it('stays open when the store closes', async () => {
    server.play(json({}));
    const client = new DynamoDBClient(server.config);
    const store = open({ client });
    await store.read(table, 'u:1', patient);
    const before = server.connections;
    await store.close();
    await settle();
    await client.send(new GetItemCommand({ TableName: table, Key: { key: { S: 'u:1' } } }));
    expect(server.connections).toBe(before);
    client.destroy();
  });

  it('keeps the attempts of its configuration when it is made here', async () => {
    server.play(throttled);
    const store = open({ config: { ...server.config, maxAttempts: 7 }, readAttemptsMax: 1 });
    await expect(store.read(table, 'u:1', patient)).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(server.operations).toHaveLength(1);
  });
});

describe('a closed store', () => {
  it('sends nothing, and its connections are gone', async () => {
    server.play(json({}));
    const store = open();
    await store.read(table, 'u:1', patient);
    await store.close();
    await store.close();
    await eventually('the connections are closed', () => server.openConnections === 0);
    const closed = { code: 'CLOSED', retriable: false };
    await expect(store.read(table, 'u:1', patient)).rejects.toMatchObject(closed);
    await expect(store.readMany(table, ['u:1'], patient)).rejects.toMatchObject(closed);
    await expect(store.put(table, image(), newer, patient)).rejects.toMatchObject(closed);
    expect(server.operations).toHaveLength(1);
  });
});
