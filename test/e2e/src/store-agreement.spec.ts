import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryStore } from '@tidemark/cache/internals';
import { FakeStore } from '@tidemark/cache/testing';
import { DynamoDbStore } from '@tidemark/dynamodb-store';
import { EmbeddedAws } from '@tidemark/local-stack';
import { type Attributes } from '@tidemark/protocol';
import fc from 'fast-check';
import { runCommand, storeCommands, type StoreCommand } from './store-commands.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const region = 'us-east-1';
const table = `tidemark-agreement-${randomUUID()}`;
/** Of 20 to 40 commands each. */
const sequences = Number(process.env['TIDEMARK_TEST_SEQUENCES'] ?? 60);
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
const minutes = 60_000;

/** One database beside the stores in memory: every command is done to all, and the outcomes are compared at once. */
class Trial {
  readonly #client: DynamoDBClient;
  readonly #store: DynamoDbStore;

  constructor(config: DynamoDBClientConfig) {
    this.#client = new DynamoDBClient(config);
    this.#store = new DynamoDbStore({ config });
  }

  async createTable(): Promise<void> {
    const create = new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
    });
    await this.#client.send(create);
    await waitUntilTableExists({ client: this.#client, maxWaitTime: 30, minDelay: 1 }, { TableName: table });
  }

  async run(commands: readonly StoreCommand[]): Promise<void> {
    const fake = new FakeStore();
    const memory = new MemoryStore();
    const inDynamoDb = { store: this.#store, table, putForeign: (item: Attributes) => this.#putForeign(item) };
    const inMemory = { store: memory, table, putForeign: async (item: Attributes) => memory.writeItem(table, item) };
    const inFake = { store: fake, table, putForeign: async (item: Attributes) => fake.writeItem(table, item) };
    const prefix = randomUUID();
    const keyOf = (key: number): string => `${prefix}:${key}`;
    for (const command of commands) {
      const outcome = await runCommand(inDynamoDb, command, keyOf);
      expect(await runCommand(inFake, command, keyOf)).toEqual(outcome);
      expect(await runCommand(inMemory, command, keyOf)).toEqual(outcome);
    }
    for (const key of [0, 1].map(keyOf)) expect(fake.item(table, key)).toEqual(await this.#item(key));
  }

  async close(): Promise<void> {
    await this.#client.send(new DeleteTableCommand({ TableName: table }));
    await this.#store.close();
    this.#client.destroy();
  }

  async #putForeign(item: Attributes): Promise<void> {
    await this.#client.send(new PutItemCommand({ TableName: table, Item: item as Record<string, AttributeValue> }));
  }

  async #item(key: string): Promise<Attributes | undefined> {
    const query = { TableName: table, Key: { key: { S: key } }, ConsistentRead: true };
    return (await this.#client.send(new GetItemCommand(query))).Item;
  }
}

const agreeing = `random commands have the same outcomes there, in memory and in the fake, and leave the same items (${sequences} sequences, TIDEMARK_TEST_SEED=${seed})`;

function agree(trial: Trial): Promise<void> {
  const property = fc.asyncProperty(storeCommands, (sequence) => trial.run(sequence));
  return fc.assert(property, { numRuns: sequences, seed });
}

describe('the embedded AWS', () => {
  let aws: EmbeddedAws;
  let trial: Trial;

  beforeAll(async () => {
    aws = new EmbeddedAws({ regions: [region] });
    await aws.start();
    trial = new Trial(aws.dynamodbConfig(region));
    await trial.createTable();
  });

  afterAll(async () => {
    await trial.close();
    await aws.stop();
  });

  it(agreeing, () => agree(trial), 10 * minutes);
});

/** Of a running DynamoDB that a developer offers: `http://127.0.0.1:8000` of DynamoDB Local. */
const offered = process.env['TIDEMARK_TEST_DYNAMODB'];

if (offered !== undefined) {
  describe(`the DynamoDB at ${offered}`, () => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const trial = new Trial({ region, endpoint: offered, credentials });

    beforeAll(() => trial.createTable(), minutes);

    afterAll(() => trial.close());

    it(agreeing, () => agree(trial), 10 * minutes);
  });
}
