import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  PutItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { storeContract, type StoreSubject } from '@tidemark/cache/testing';
import { DynamoDbStore } from '@tidemark/dynamodb-store';
import { EmbeddedAws } from '@tidemark/local-stack';
import { type Attributes, formatWriteId, type ItemImage } from '@tidemark/protocol';
import { StallingProxy } from './stalling-proxy.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const region = 'us-east-1';
const table = 'permissions';
const newer = {
  type: 'newer',
  than: formatWriteId({ ms: 1_700_000_000_000, counter: 0, incarnation: '00000000000000aa' }),
} as const;
const patient = { timeoutMs: 20_000 };
/** A case takes milliseconds; on a machine that is busy with something else, longer. */
const slowestMs = 30_000;

async function putForeign(client: DynamoDBClient, name: string, item: Attributes): Promise<void> {
  await client.send(new PutItemCommand({ TableName: name, Item: item as Record<string, AttributeValue> }));
}

describe('the embedded AWS', () => {
  let aws: EmbeddedAws;
  let client: DynamoDBClient;

  beforeAll(async () => {
    aws = new EmbeddedAws({ regions: [region] });
    await aws.start();
    await aws.createGlobalTable(table);
    client = new DynamoDBClient(aws.dynamodbConfig(region));
  });

  afterEach(() => aws.faults.clearRequestFaults());

  afterAll(async () => {
    client.destroy();
    await aws.stop();
  });

  describe('keeps the contract of a store', () => {
    const cases = storeContract(async () => {
      const store = new DynamoDbStore({ config: aws.dynamodbConfig(region) });
      return {
        store,
        table,
        putForeign: (item) => putForeign(client, table, item),
        stall: () => void aws.faults.stall({ service: 'dynamodb', resource: table }),
        close: () => store.close(),
      };
    });
    for (const { name, run } of cases) it(name, run, slowestMs);
  });

  describe('under faults', () => {
    let store: DynamoDbStore;

    beforeAll(() => {
      store = new DynamoDbStore({ config: aws.dynamodbConfig(region), backoffInitialMs: 1, backoffMaxMs: 2 });
    });

    afterAll(() => store.close());

    function imageOf(key: string, value: ItemImage['value']): ItemImage {
      const rest = { codec: 'json', writeId: newer.than, expiresAt: null, writtenBy: region, tombstone: false };
      return { key, value, ...rest, leaseId: null, leaseUntil: null, loaded: false };
    }

    it('a put whose answer is lost is ambiguous, was sent once, and is there', async () => {
      const image = imageOf(randomUUID(), '1');
      const fault = aws.faults.dropAnswer({ operation: 'PutItem' }, 2);
      const before = aws.stats(region).requests;
      await expect(store.put(table, image, newer, patient)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
      expect(fault.hits).toBe(1);
      expect(aws.stats(region).requests - before).toBe(1);
      await expect(store.read(table, image.key, patient)).resolves.toEqual(image);
    });

    it('a put whose connection closes before it is done is as ambiguous, and is not there', async () => {
      const image = imageOf(randomUUID(), '1');
      const fault = aws.faults.dropConnection({ operation: 'PutItem' }, 2);
      await expect(store.put(table, image, newer, patient)).rejects.toMatchObject({ code: 'AMBIGUOUS_WRITE' });
      expect(fault.hits).toBe(1);
      await expect(store.read(table, image.key, patient)).resolves.toBeUndefined();
    });

    it('a throttled put was not written, and a throttled read goes again', async () => {
      const image = imageOf(randomUUID(), '1');
      const puts = aws.faults.throttle({ operation: 'PutItem' }, 2);
      const reads = aws.faults.throttle({ operation: 'GetItem' }, 2);
      await expect(store.put(table, image, newer, patient)).rejects.toMatchObject({ code: 'THROTTLED' });
      await expect(store.read(table, image.key, patient)).resolves.toBeUndefined();
      expect([puts.hits, reads.hits]).toEqual([1, 2]);
    });

    it(
      'a read of more than one answer can hold comes complete',
      async () => {
        const keys = Array.from({ length: 10 }, () => randomUUID());
        const value = { S: 'x'.repeat(390_000) };
        await Promise.all(keys.map((key) => putForeign(client, table, { key: { S: key }, value })));
        const before = aws.stats(region).requests;
        const { items, unread } = await store.readMany(table, keys, patient);
        expect(unread.size).toBe(0);
        expect([...items.keys()].sort()).toEqual(keys.sort());
        expect(aws.stats(region).requests - before).toBeGreaterThan(1);
      },
      slowestMs,
    );

    it('a table of another key is refused', async () => {
      await aws.createTable(region, 'sorted', { rangeKey: 'sort' });
      await expect(store.check('sorted', patient)).rejects.toMatchObject({
        code: 'INVALID_CONFIGURATION',
        context: { expected: 'key (HASH, S)', got: 'key (HASH, S), sort (RANGE, S)' },
      });
    });
  });
});

/** Of a running DynamoDB that a developer offers: `http://127.0.0.1:8000` of DynamoDB Local. */
const offered = process.env['TIDEMARK_TEST_DYNAMODB'];

if (offered !== undefined) {
  describe(`the DynamoDB at ${offered}`, () => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const config: DynamoDBClientConfig = { region, endpoint: offered, credentials };
    const client = new DynamoDBClient(config);
    const ownTable = `tidemark-contract-${randomUUID()}`;

    beforeAll(async () => {
      const create = new CreateTableCommand({
        TableName: ownTable,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
      });
      await client.send(create);
      await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName: ownTable });
    });

    afterAll(async () => {
      await client.send(new DeleteTableCommand({ TableName: ownTable }));
      client.destroy();
    });

    const cases = storeContract(async (): Promise<StoreSubject> => {
      const proxy = await StallingProxy.start(new URL(offered));
      const store = new DynamoDbStore({ config: { ...config, endpoint: proxy.url } });
      return {
        store,
        table: ownTable,
        putForeign: (item) => putForeign(client, ownTable, item),
        stall: () => proxy.stall(),
        close: async () => {
          await store.close();
          await proxy.close();
        },
      };
    });
    for (const { name, run } of cases) it(name, run, slowestMs);
  });
}
