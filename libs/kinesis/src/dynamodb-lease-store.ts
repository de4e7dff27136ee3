import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import {
  askedLease,
  type Checkpoint,
  checkpointedLease,
  handedOverLease,
  isAskedOf,
  malformedLease,
  owingAs,
  type LeaseStore,
  releasedLease,
  renewedLease,
  replacedLease,
  type ShardLease,
  takenLease,
} from '@tidemark/pipeline';
import { type Clock, isTidemarkError, systemClock, TidemarkError } from '@tidemark/runtime';
import { callAws } from './aws-call.js';
import { isDestinationItem } from './destination-item.js';
import { makeDynamoDBClient } from './dynamodb-client.js';
import { attribute, fromItem, type LeaseItem, toItem } from './lease-item.js';
import { makeLeaseTable } from './lease-table.js';

export interface DynamoDBLeaseStoreOptions {
  /** One table for one stream; partition key `leaseKey`, a string. */
  readonly table: string;
  /** How to reach DynamoDB, or a client. A client made here makes two attempts a call. */
  readonly dynamodb: DynamoDBClientConfig | DynamoDBClient;
  /** Whether a table that is not there is made, on demand, at the first call. Default false. */
  readonly createTable?: boolean;
  /** Deadline of one call with its attempts, ms. Default 3,000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Rows of the lease table before reading it is given up: one row is one shard. */
const rowsMax = 20_000;

/**
 * Shard leases in a DynamoDB table, in the items of the Kinesis Client Library.
 *
 * Every write is conditional on the counter, and the SDK may send a write twice when its first answer is lost: the second then fails, though the
 * write is there. So a failed condition is looked into: a row that is one write further and belongs to whom it should is our own write,
 * since a lease that was lost and regained is at least two further, or, where another process has the same id, has changed hands since.
 */
export class DynamoDBLeaseStore implements LeaseStore {
  readonly #client: DynamoDBClient;
  readonly #ownsClient: boolean;
  readonly #table: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #mayCreate: boolean;

  constructor(options: DynamoDBLeaseStoreOptions) {
    const { table, dynamodb, createTable = false, timeoutMs = 3_000, clock = systemClock } = options;
    this.#ownsClient = !(dynamodb instanceof DynamoDBClient);
    this.#client = dynamodb instanceof DynamoDBClient ? dynamodb : makeDynamoDBClient(dynamodb);
    this.#table = table;
    this.#mayCreate = createTable;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  async list(signal: AbortSignal): Promise<readonly ShardLease[]> {
    const rows: ShardLease[] = [];
    let ExclusiveStartKey: LeaseItem | undefined;
    do {
      const input = { TableName: this.#table, ConsistentRead: true, ExclusiveStartKey };
      const output = await this.#call('scan', signal, (abortSignal) =>
        this.#client.send(new ScanCommand(input), { abortSignal }),
      );
      for (const item of output.Items ?? []) {
        if (item[attribute.shardId]?.S === undefined) throw otherTable(this.#table, 'has an item without a leaseKey');
        if (!isDestinationItem(item)) rows.push(rowOf(item));
      }
      ExclusiveStartKey = output.LastEvaluatedKey;
      if (rows.length > rowsMax) throw otherTable(this.#table, `has more than ${rowsMax} rows`);
    } while (ExclusiveStartKey !== undefined);
    return rows;
  }

  async create(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    const input = {
      TableName: this.#table,
      Item: toItem(lease),
      ConditionExpression: 'attribute_not_exists(#key)',
      ExpressionAttributeNames: { '#key': attribute.shardId },
    };
    return this.#unlessRefused('putItem', signal, (abortSignal) =>
      this.#client.send(new PutItemCommand(input), { abortSignal }),
    );
  }

  renew(lease: ShardLease, readUpTo: number | null, signal: AbortSignal): Promise<ShardLease | undefined> {
    return this.#change(lease, (row) => renewedLease(row, readUpTo), signal);
  }

  checkpoint(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    return this.#change(lease, (row) => checkpointedLease(row, checkpoint, readUpTo), signal);
  }

  async take(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    const taken = takenLease(lease, owner);
    if (await this.#update(lease, taken, [], signal)) return taken;
    const row = await this.#get(lease.shardId, signal);
    return row?.owner === owner && row.counter === taken.counter ? row : undefined;
  }

  async ask(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    const asked = askedLease(lease, owner);
    if (asked === null) return undefined;
    if (await this.#update(lease, asked, ofTheOwner(lease), signal)) return asked;
    const row = await this.#get(lease.shardId, signal);
    return row?.owner === owner && row.checkpointOwner === lease.owner && row.counter === lease.counter
      ? row
      : undefined;
  }

  async handOver(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    const next = handedOverLease(owingAs(lease, lease), checkpoint, readUpTo);
    const { checkpointOwner = '' } = lease;
    if (await this.#update(lease, next, [['=', 'checkpointOwner', checkpointOwner]], signal)) return next;
    const row = await this.#get(lease.shardId, signal);
    const isOurs = row?.owner === lease.owner && row.checkpointOwner === undefined && row.counter === next.counter;
    return isOurs && row.ownerSwitches === next.ownerSwitches ? row : undefined;
  }

  async release(lease: ShardLease, signal: AbortSignal): Promise<ShardLease | undefined> {
    const freed = releasedLease(lease);
    if (await this.#update(lease, freed, ofTheOwner(lease), signal)) return freed;
    const row = await this.#get(lease.shardId, signal);
    if (row !== undefined && isAskedOf(lease, row)) return row;
    if (row?.counter !== freed.counter) return undefined;
    if (row.owner === null) return row;
    return row.owner === lease.owner ? this.release(row, signal) : undefined;
  }

  /** A whole item, so that no attribute of the other stream's row stays. */
  replace(lease: ShardLease, next: ShardLease, signal: AbortSignal): Promise<boolean> {
    const input = {
      TableName: this.#table,
      Item: toItem(replacedLease(lease, next)),
      ConditionExpression: '#counter = :counter',
      ExpressionAttributeNames: { '#counter': attribute.counter },
      ExpressionAttributeValues: { ':counter': { N: String(lease.counter) } },
    };
    return this.#unlessRefused('putItem', signal, (abortSignal) =>
      this.#client.send(new PutItemCommand(input), { abortSignal }),
    );
  }

  remove(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    const input = {
      TableName: this.#table,
      Key: { [attribute.shardId]: { S: lease.shardId } },
      ConditionExpression: '#counter = :counter AND #checkpoint = :checkpoint',
      ExpressionAttributeNames: { '#counter': attribute.counter, '#checkpoint': attribute.checkpoint },
      ExpressionAttributeValues: { ':counter': { N: String(lease.counter) }, ':checkpoint': { S: lease.checkpoint } },
    };
    return this.#unlessRefused('deleteItem', signal, (abortSignal) =>
      this.#client.send(new DeleteItemCommand(input), { abortSignal }),
    );
  }

  /** Closes the connections of a client that was made here. */
  close(): void {
    if (this.#ownsClient) this.#client.destroy();
  }

  /** A write of the owner. One that fails because an earlier write of ours, whose answer was lost, did take effect is made again on top of that. */
  async #change(
    lease: ShardLease,
    change: (row: ShardLease) => ShardLease,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    const next = change(owingAs(lease, lease));
    if (await this.#update(lease, next, ofTheOwner(lease), signal)) return next;
    const row = await this.#get(lease.shardId, signal);
    if (row !== undefined && isAskedOf(lease, row)) return row;
    const isOurs = row?.owner === lease.owner && row.ownerSwitches <= lease.ownerSwitches;
    if (!isOurs || row.counter !== next.counter) return undefined;
    const again = change(owingAs(lease, row));
    if (row.checkpoint === next.checkpoint && row.readUpTo === next.readUpTo && isSame(row.owes, again.owes))
      return row;
    return (await this.#update(row, again, ofTheOwner(row), signal)) ? again : undefined;
  }

  /** Writes what changes from `lease` to `next`; resolves to whether the conditions held. */
  #update(
    lease: ShardLease,
    next: ShardLease,
    conditions: readonly Condition[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const input = updateOf(this.#table, lease, next, conditions);
    return this.#unlessRefused('updateItem', signal, (abortSignal) =>
      this.#client.send(new UpdateItemCommand(input), { abortSignal }),
    );
  }

  async #get(shardId: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    const input = { TableName: this.#table, Key: { [attribute.shardId]: { S: shardId } }, ConsistentRead: true };
    const { Item } = await this.#call('getItem', signal, (abortSignal) =>
      this.#client.send(new GetItemCommand(input), { abortSignal }),
    );
    return Item === undefined ? undefined : fromItem(Item);
  }

  async #unlessRefused(
    operation: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    return this.#call(operation, signal, async (abortSignal) => {
      try {
        await work(abortSignal);
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    });
  }

  async #call<T>(operation: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#mayCreate) {
      await this.#timed('createTable', signal, (inner) =>
        makeLeaseTable(this.#client, this.#table, this.#clock, inner),
      );
      this.#mayCreate = false;
    }
    return this.#timed(operation, signal, work);
  }

  #timed<T>(operation: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const [clock, timeoutMs] = [this.#clock, this.#timeoutMs];
    const errors = { missing: 'TABLE_MISSING', unavailable: 'STORE_UNAVAILABLE' } as const;
    return callAws(
      { clock, timeoutMs, what: `dynamodb.${operation} of lease table ${this.#table}`, signal, ...errors },
      work,
    );
  }
}

/** What must stand in a row beside its counter, or must not. */
type Condition = readonly ['=', 'owner' | 'checkpointOwner', string] | readonly ['absent', 'checkpointOwner'];

/** What every write of the owner finds, as long as nobody asks for the lease. Of an ended row nobody does, whoever is still named there. */
function ofTheOwner(lease: ShardLease): readonly Condition[] {
  const ofOwner = lease.owner === null ? [] : [['=', 'owner', lease.owner] as const];
  return lease.checkpoint === 'SHARD_END' ? ofOwner : [...ofOwner, ['absent', 'checkpointOwner']];
}

/** The whole of `next` where the row is still `lease`; attributes that it does not have are removed, those of others stay. */
function updateOf(
  table: string,
  lease: ShardLease,
  next: ShardLease,
  conditions: readonly Condition[],
): UpdateItemCommandInput {
  const { [attribute.shardId]: key, ...item } = toItem(next);
  const names: Record<string, string> = { '#counter': attribute.counter };
  const values: LeaseItem = { ':was': { N: String(lease.counter) } };
  const set = Object.entries(item).map(([name, value]) => {
    names[`#${name}`] = name;
    values[`:${name}`] = value;
    return `#${name} = :${name}`;
  });
  const removed = removable.filter((name) => item[attribute[name]] === undefined);
  for (const name of removed) names[`#${attribute[name]}`] = attribute[name];
  const terms = conditions.map(([is, field, value], index) => {
    const name = `#${attribute[field]}`;
    names[name] = attribute[field];
    if (is === 'absent') return `attribute_not_exists(${name})`;
    values[`:is${index}`] = { S: value };
    return `${name} = :is${index}`;
  });
  return {
    TableName: table,
    Key: { [attribute.shardId]: key ?? { S: lease.shardId } },
    UpdateExpression:
      `SET ${set.join(', ')}` +
      (removed.length === 0 ? '' : ` REMOVE ${removed.map((name) => `#${attribute[name]}`).join(', ')}`),
    ConditionExpression: ['#counter = :was', ...terms].join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

/** What a write may take out of a row. */
const removable = ['owner', 'checkpointOwner', 'owes', 'readUpTo'] as const;

/** A row that cannot be read keeps no other from being read. */
function rowOf(item: LeaseItem): ShardLease {
  try {
    return fromItem(item);
  } catch (error) {
    if (!isTidemarkError(error, 'MALFORMED_ITEM')) throw error;
    return malformedLease(item[attribute.shardId]?.S ?? '', error.message);
  }
}

function isSame(one: readonly string[] = [], other: readonly string[] = []): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index]);
}

function otherTable(table: string, why: string): TidemarkError {
  return new TidemarkError('INVALID_CONFIGURATION', `${table} ${why}: is it a lease table?`, {
    retriable: false,
    context: { table },
  });
}
