/// <reference types="./emulators.d.ts" />
import { messageOf, TidemarkError } from '@tidemark/runtime';
import dynalite from 'dynalite';
import createTable from 'dynalite/actions/createTable.js';
import deleteItem from 'dynalite/actions/deleteItem.js';
import deleteTable from 'dynalite/actions/deleteTable.js';
import describeTable from 'dynalite/actions/describeTable.js';
import listTables from 'dynalite/actions/listTables.js';
import putItem from 'dynalite/actions/putItem.js';
import scan from 'dynalite/actions/scan.js';
import { type DynaliteStore, withCause, withHooks } from './dynalite-hooks.js';
import { type StoredTable, type WriteCause, type WriteHooks } from './item-write.js';
import { callListener, type Listener, type ServiceReply, type ServiceRequest } from './listener-call.js';
import { answerOf } from './service-error.js';
import { isRecord, type WireItem } from './wire-item.js';

const actions = { createTable, deleteItem, deleteTable, describeTable, listTables, putItem, scan };

export interface DynaliteDatabaseOptions {
  readonly region: string;
  readonly accountId: string;
  /** Folder of the database; in memory when absent. */
  readonly path?: string | undefined;
  readonly hooks: WriteHooks;
}

/** A table as `DescribeTable` answers. */
export interface TableDescription extends StoredTable, Readonly<Record<string, unknown>> {}

const turnsMax = 10_000;
const pageItems = 1_000;

/** The DynamoDB of one region: requests of clients, and calls of this process. */
export class DynaliteDatabase {
  readonly #store: DynaliteStore;
  readonly #listener: Listener;

  constructor(options: DynaliteDatabaseOptions) {
    const { region, accountId, path, hooks } = options;
    let created: DynaliteStore | undefined;
    const server = dynalite(
      withHooks(
        { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0, ...(path !== undefined && { path }) },
        {
          beforeWrite: (write) => hooks.beforeWrite(write),
          afterWrite: (write) => hooks.afterWrite(write),
          onStore: (store) => (created = store),
        },
      ),
    );
    if (created === undefined) {
      throw new TidemarkError('NOT_SUPPORTED', 'this version of dynalite has no store; install 4.0.0', {
        retriable: false,
      });
    }
    this.#store = created;
    this.#store.tableDb.awsRegion = region;
    this.#store.tableDb.awsAccountId = accountId;
    this.#listener = server.listeners('request')[0] as Listener;
  }

  /** Rejects with `INVALID_OPTIONS` when the folder cannot be used: another process may have it open. */
  async open(): Promise<void> {
    try {
      await this.#store.db.open();
    } catch (error) {
      throw new TidemarkError('INVALID_OPTIONS', `dataDir: expected a folder that nobody else has open`, {
        retriable: false,
        cause: error,
      });
    }
  }

  /** Serves a client's request as DynamoDB would. */
  serve(request: ServiceRequest): Promise<ServiceReply> {
    return callListener(this.#listener, request);
  }

  /** Resolves once the table is active. */
  async createTable(tableName: string, attributes: object): Promise<void> {
    await this.#call('createTable', { TableName: tableName, BillingMode: 'PAY_PER_REQUEST', ...attributes });
    for (let turn = 0; turn < turnsMax; turn++) {
      if ((await this.describeTable(tableName))?.['TableStatus'] === 'ACTIVE') return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new TidemarkError('TIMEOUT', `table ${tableName} did not become active`, { retriable: false });
  }

  async deleteTable(tableName: string): Promise<void> {
    await this.#call('deleteTable', { TableName: tableName });
  }

  /** Undefined when there is no such table. */
  async describeTable(tableName: string): Promise<TableDescription | undefined> {
    try {
      const output = await this.#call('describeTable', { TableName: tableName });
      return isRecord(output) ? (output['Table'] as TableDescription) : undefined;
    } catch (error) {
      if (answerOf(error) !== undefined) return undefined;
      throw error;
    }
  }

  /** Rejects with what `beforeWrite` returned, when that stopped the write. */
  async putItem(tableName: string, item: WireItem, cause: WriteCause): Promise<void> {
    await this.#call('putItem', { TableName: tableName, Item: item }, cause);
  }

  /** Rejects with what `beforeWrite` returned, when that stopped the write. */
  async deleteItem(tableName: string, key: WireItem, cause: WriteCause): Promise<void> {
    await this.#call('deleteItem', { TableName: tableName, Key: key }, cause);
  }

  /** Every item of the table, a page at a time. */
  async *items(tableName: string): AsyncGenerator<WireItem> {
    let start: unknown;
    do {
      const output = await this.#call('scan', {
        TableName: tableName,
        Limit: pageItems,
        ...(start !== undefined && { ExclusiveStartKey: start }),
      });
      const page = isRecord(output) ? output : {};
      yield* (page['Items'] ?? []) as WireItem[];
      start = page['LastEvaluatedKey'];
    } while (start !== undefined);
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#store.db.close((error) => {
        if (error) reject(error instanceof Error ? error : new Error(messageOf(error)));
        else resolve();
      });
    });
  }

  #call(action: keyof typeof actions, input: object, cause?: WriteCause): Promise<unknown> {
    const store = cause === undefined ? this.#store : withCause(this.#store, cause);
    return new Promise((resolve, reject) => {
      actions[action](store, input, (error, output) => {
        if (error) reject(error instanceof Error ? error : new Error(messageOf(error)));
        else resolve(output);
      });
    });
  }
}
