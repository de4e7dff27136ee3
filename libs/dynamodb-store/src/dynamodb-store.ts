import { DeleteItemCommand, DescribeTableCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '@tidemark/cache';
import { type Attributes, attributes, imageBytes, imageBytesMax, type ItemImage, writeImage } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { BatchRead } from './batch-read.js';
import { Connection, type Purpose, type Send } from './connection.js';
import { type DynamoDbStoreOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { readItem, readRefusingItem, readReplacedItem } from './read-item.js';
import { ReadRetry } from './read-retry.js';
import { refusedItem } from './store-error.js';
import { tableProblem } from './table-problem.js';
import { conditionExpression } from './write-condition.js';

/**
 * L2 in the DynamoDB of one region.
 *
 * Reads are strong, since only those may fill L1, and are repeated within their time-out. Writes are sent once: what becomes of a write
 * whose answer is missing is for the cache to decide, which knows what it has since heard. Whole items are put and deleted, never updated.
 */
export class DynamoDbStore implements Store {
  readonly #options: ResolvedOptions;
  readonly #connection: Connection;
  readonly #retry: ReadRetry;

  /** Throws `INVALID_OPTIONS`. Connects to nothing yet. */
  constructor(options: DynamoDbStoreOptions = {}) {
    this.#options = resolveOptions(options);
    this.#connection = new Connection(options, this.#options);
    this.#retry = new ReadRetry(this.#options);
  }

  async check(table: string, call: StoreCall): Promise<void> {
    const answer = await this.#retry.run(call, (attemptCall) =>
      this.#connection.run({ table, operation: 'check' }, attemptCall, (send) =>
        send(new DescribeTableCommand({ TableName: table })),
      ),
    );
    const problem = tableProblem(table, answer.Table);
    if (problem !== undefined) throw problem;
  }

  async read(table: string, itemKey: string, call: StoreCall): Promise<ItemImage | undefined> {
    const input = { TableName: table, Key: keyOf(itemKey), ConsistentRead: true };
    const { Item: item } = await this.#retry.run(call, (attemptCall) =>
      this.#connection.run({ table, operation: 'read' }, attemptCall, (send) => send(new GetItemCommand(input))),
    );
    return item && readItem(table, item);
  }

  readMany(table: string, itemKeys: readonly string[], call: StoreCall): Promise<ReadManyResult> {
    return new BatchRead(this.#connection, this.#retry, this.#options, table, call).run(itemKeys);
  }

  async put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const bytes = imageBytes(image);
    if (bytes > imageBytesMax) throw tooLarge(table, bytes);
    const input = { TableName: table, Item: writeImage(image), ...conditionExpression(condition), ...returnedItem };
    return this.#write({ table, operation: 'put' }, call, (send) => send(new PutItemCommand(input)));
  }

  async delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const input = { TableName: table, Key: keyOf(itemKey), ...conditionExpression(condition), ...returnedItem };
    return this.#write({ table, operation: 'delete' }, call, (send) => send(new DeleteItemCommand(input)));
  }

  /** Closes the client unless it was handed over; calls made afterwards fail with `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    this.#connection.close();
  }

  #write(
    purpose: Purpose,
    call: StoreCall,
    request: (send: Send) => Promise<{ readonly Attributes?: Attributes | undefined }>,
  ): Promise<WriteOutcome> {
    return this.#connection.run(purpose, call, async (send) => {
      try {
        const { Attributes: old } = await request(send);
        return { type: 'committed', old: readReplacedItem(purpose.table, old) };
      } catch (error) {
        const old = refusedItem(error);
        if (old === undefined) throw error;
        return { type: 'refused', old: readRefusingItem(purpose.table, old ?? undefined) };
      }
    });
  }
}

const returnedItem = { ReturnValues: 'ALL_OLD', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

function keyOf(itemKey: string): Record<string, { S: string }> {
  return { [attributes.key]: { S: itemKey } };
}

function tooLarge(table: string, bytes: number): TidemarkError {
  const message = `put of table ${table}: expected an item of at most ${imageBytesMax} bytes, got ${bytes}`;
  return new TidemarkError('VALUE_TOO_LARGE', message, {
    retriable: false,
    context: { table, operation: 'put', bytes, bytesMax: imageBytesMax },
  });
}
