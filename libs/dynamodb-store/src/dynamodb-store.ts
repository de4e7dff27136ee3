import {
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  type HeldLease,
  type KeyPage,
  type KeyScan,
  type LeaseClaim,
  type LeaseOutcome,
  type ReadCall,
  type ReadManyResult,
  type Store,
  type StoreCall,
  type WriteCondition,
  type WriteOutcome,
} from '@tidemark/cache';
import { type ClaimCondition } from '@tidemark/cache/internals';
import { type Attributes, attributes, imageBytes, imageBytesMax, type ItemImage, writeImage } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { BatchRead, isStrong } from './batch-read.js';
import { Connection, type Purpose, type Send } from './connection.js';
import { type DynamoDbStoreOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { readItem, readRefusingItem, readWrittenItem } from './read-item.js';
import { ReadRetry } from './read-retry.js';
import { refusedItem } from './store-error.js';
import { tableProblem } from './table-problem.js';
import { scanExpressions } from './scan-expressions.js';
import { acquireExpressions, conditionExpressions, releaseExpressions, touchExpressions } from './write-expressions.js';

/**
 * L2 in the DynamoDB of one region.
 *
 * Reads are strong where nothing else is asked for, since only those may fill L1, and are repeated within their time-out. Writes are sent once: what becomes of a write
 * whose answer is missing is for the cache to decide, which knows what it has since heard. Values are written and removed with the whole item,
 * so that a lease goes with them; only leases and touches update an item.
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

  async read(table: string, itemKey: string, call: ReadCall): Promise<ItemImage | undefined> {
    const input = { TableName: table, Key: keyOf(itemKey), ConsistentRead: isStrong(call) };
    const { Item: item } = await this.#retry.run(call, (attemptCall) =>
      this.#connection.run({ table, operation: 'read' }, attemptCall, (send) => send(new GetItemCommand(input))),
    );
    return item && readItem(table, item);
  }

  readMany(table: string, itemKeys: readonly string[], call: ReadCall): Promise<ReadManyResult> {
    return new BatchRead(this.#connection, this.#retry, this.#options, table, call).run(itemKeys);
  }

  /** Eventually consistent, which costs half. Only keys are sent back, but items are paid for as a whole. */
  async scanKeys(table: string, scan: KeyScan, call: StoreCall): Promise<KeyPage> {
    const input = { TableName: table, ...scanExpressions(scan) };
    const answer = await this.#retry.run(call, (attemptCall) =>
      this.#connection.run({ table, operation: 'scanKeys' }, attemptCall, (send) => send(new ScanCommand(input))),
    );
    const itemKeys = (answer.Items ?? []).flatMap((item) => item[attributes.key]?.S ?? []);
    return { itemKeys, cursor: answer.LastEvaluatedKey?.[attributes.key]?.S };
  }

  async put(table: string, image: ItemImage, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const bytes = imageBytes(image);
    if (bytes > imageBytesMax) throw tooLarge(table, bytes);
    const input = { TableName: table, Item: writeImage(image), ...conditionExpressions(condition), ...oldItem };
    return this.#write({ table, operation: 'put' }, condition, call, (send) => send(new PutItemCommand(input)));
  }

  async delete(table: string, itemKey: string, condition: WriteCondition, call: StoreCall): Promise<WriteOutcome> {
    const input = { TableName: table, Key: keyOf(itemKey), ...conditionExpressions(condition), ...oldItem };
    return this.#write({ table, operation: 'delete' }, condition, call, (send) => send(new DeleteItemCommand(input)));
  }

  async acquireLease(table: string, itemKey: string, lease: LeaseClaim, call: StoreCall): Promise<LeaseOutcome> {
    const input = { TableName: table, Key: keyOf(itemKey), ...acquireExpressions(lease), ...newItem };
    const condition: ClaimCondition = { type: 'claimable', nowMs: lease.nowMs };
    return this.#run<LeaseOutcome>(
      { table, operation: 'acquireLease' },
      call,
      async (send) => {
        const { Attributes: item } = await send(new UpdateItemCommand(input));
        if (item === undefined) throw new Error('the answer holds no item');
        return { type: 'acquired', image: readWrittenItem(table, item) };
      },
      (old) => ({ type: 'refused', old: old && readRefusingItem(table, old, condition) }),
    );
  }

  async releaseLease(table: string, itemKey: string, lease: HeldLease, call: StoreCall): Promise<void> {
    const { leaseId, writeId } = lease;
    const key = { TableName: table, Key: keyOf(itemKey) };
    await this.#run<unknown>(
      { table, operation: 'releaseLease' },
      call,
      (send) =>
        writeId === null
          ? send(new DeleteItemCommand({ ...key, ...conditionExpressions({ type: 'leased', leaseId }) }))
          : send(new UpdateItemCommand({ ...key, ...releaseExpressions(leaseId) })),
      () => undefined,
    );
  }

  async touch(table: string, itemKey: string, mark: string, call: StoreCall): Promise<boolean> {
    const input = { TableName: table, Key: keyOf(itemKey), ...touchExpressions(mark) };
    return this.#run(
      { table, operation: 'touch' },
      call,
      (send) => send(new UpdateItemCommand(input)).then(() => true),
      () => false,
    );
  }

  /** Closes the client unless it was handed over; calls made afterwards fail with `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    this.#connection.close();
  }

  #write(
    purpose: Purpose,
    condition: WriteCondition,
    call: StoreCall,
    request: (send: Send) => Promise<{ readonly Attributes?: Attributes | undefined }>,
  ): Promise<WriteOutcome> {
    const { table } = purpose;
    return this.#run<WriteOutcome>(
      purpose,
      call,
      async (send) => {
        const { Attributes: old } = await request(send);
        return { type: 'committed', old: old && readWrittenItem(table, old) };
      },
      (old) => ({ type: 'refused', old: old && readRefusingItem(table, old, condition) }),
    );
  }

  /** One write; `refused` makes the outcome of a failed condition from the item that stands there. */
  #run<T>(
    purpose: Purpose,
    call: StoreCall,
    request: (send: Send) => Promise<T>,
    refused: (old: Attributes | undefined) => T,
  ): Promise<T> {
    return this.#connection.run(purpose, call, async (send) => {
      try {
        return await request(send);
      } catch (error) {
        const old = refusedItem(error);
        if (old === undefined) throw error;
        return refused(old ?? undefined);
      }
    });
  }
}

const oldItem = { ReturnValues: 'ALL_OLD', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;
const newItem = { ReturnValues: 'ALL_NEW', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

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
