import { BatchGetItemCommand } from '@aws-sdk/client-dynamodb';
import { type ReadCall, type ReadManyResult } from '@tidemark/cache';
import { attributes, type ItemImage } from '@tidemark/protocol';
import { isTidemarkError, messageOf, TidemarkError } from '@tidemark/runtime';
import { type Connection } from './connection.js';
import { type ResolvedOptions } from './options.js';
import { readItem } from './read-item.js';
import { type ReadRetry } from './read-retry.js';

/** What DynamoDB takes in one request. */
const keysMax = 100;

interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** Keys that DynamoDB left out, being throttled or the answer being large enough. */
  readonly unprocessed: readonly string[];
}

/** One `readMany`: requests of up to 100 keys, a few under way at a time. Runs once. */
export class BatchRead {
  readonly #connection: Connection;
  readonly #retry: ReadRetry;
  readonly #options: ResolvedOptions;
  readonly #table: string;
  readonly #call: ReadCall;
  readonly #deadlineMs: number;
  readonly #items = new Map<string, ItemImage>();
  readonly #unread = new Map<string, TidemarkError>();

  constructor(connection: Connection, retry: ReadRetry, options: ResolvedOptions, table: string, call: ReadCall) {
    this.#connection = connection;
    this.#retry = retry;
    this.#options = options;
    this.#table = table;
    this.#call = call;
    this.#deadlineMs = options.clock.monotonicMs() + call.timeoutMs;
  }

  async run(itemKeys: readonly string[]): Promise<ReadManyResult> {
    const keys = [...new Set(itemKeys)];
    const chunks = chunksOf(keys, keysMax);
    const queue = chunks.values();
    const work = async (): Promise<void> => {
      for (const chunk of queue) await this.#readChunk(chunk);
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.batchConcurrencyMax, chunks.length) }, work));
    const [failure] = this.#unread.values();
    if (failure !== undefined && this.#unread.size === keys.length) throw failure;
    return { items: this.#items, unread: this.#unread };
  }

  async #readChunk(chunk: readonly string[]): Promise<void> {
    let pending = chunk;
    for (let fruitless = 0; pending.length > 0;) {
      try {
        const { items, unprocessed } = await this.#request(pending);
        this.#keep(items);
        fruitless = unprocessed.length < pending.length ? 0 : fruitless + 1;
        pending = unprocessed;
        if (pending.length > 0 && !(await this.#mayGoOn(fruitless))) throw this.#leftOver();
      } catch (error) {
        for (const key of pending) this.#unread.set(key, asTidemarkError(error));
        return;
      }
    }
  }

  #request(keys: readonly string[]): Promise<Page> {
    const table = this.#table;
    const Keys = keys.map((key) => ({ [attributes.key]: { S: key } }));
    const request = { [table]: { Keys, ConsistentRead: isStrong(this.#call) } };
    const { signal } = this.#call;
    const timeoutMs = this.#deadlineMs - this.#options.clock.monotonicMs();
    return this.#retry.run({ timeoutMs, signal }, (call) =>
      this.#connection.run({ table, operation: 'readMany' }, call, async (send) => {
        const answer = await send(new BatchGetItemCommand({ RequestItems: request }));
        const left = Object.values(answer.UnprocessedKeys ?? {}).flatMap(({ Keys: leftKeys = [] }) => leftKeys);
        return {
          items: Object.values(answer.Responses ?? {}).flat(),
          unprocessed: left.flatMap((leftKey) => leftKey[attributes.key]?.S ?? []),
        };
      }),
    );
  }

  #keep(items: Page['items']): void {
    for (const item of items) {
      try {
        const image = readItem(this.#table, item);
        this.#items.set(image.key, image);
      } catch (error) {
        const key: unknown = Reflect.get(Object(item[attributes.key]), 'S');
        if (typeof key === 'string') this.#unread.set(key, asTidemarkError(error));
      }
    }
  }

  /** Rounds that bring something may go on until the deadline; those that bring nothing are counted. */
  async #mayGoOn(fruitless: number): Promise<boolean> {
    if (fruitless >= this.#options.readAttemptsMax) return false;
    if (fruitless > 0 && !this.#retry.mayRepeat()) return false;
    return this.#retry.pause(fruitless + 1, this.#deadlineMs, this.#call.signal);
  }

  #leftOver(): TidemarkError {
    return new TidemarkError('THROTTLED', `readMany of table ${this.#table}: DynamoDB left keys unprocessed`, {
      retriable: true,
      context: { table: this.#table, operation: 'readMany', hotKey: false },
    });
  }
}

export function isStrong({ consistency }: ReadCall): boolean {
  return consistency !== 'eventual';
}

function chunksOf<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}

function asTidemarkError(error: unknown): TidemarkError {
  return isTidemarkError(error)
    ? error
    : new TidemarkError('STORE_UNAVAILABLE', messageOf(error), { retriable: false, cause: error });
}
