import { encodeControl, itemKeyOf } from '@tidemark/protocol';
import { type Clock, type Duration, parseDuration, TidemarkError } from '@tidemark/runtime';
import { type EventPublisher, type Store } from './backend.js';
import {
  type CallOptions,
  type InvalidateOptions,
  type PutIfAbsentOptions,
  type PutOptions,
  type WriteOutcomes,
  type WriteReceipt,
} from './cache.js';
import { type Coherence } from './coherence.js';
import { type CacheDefinition } from './define-cache.js';
import { eachOf } from './each-of.js';
import { type L2Writer, type WriteCall, type WriteResult } from './l2-writer.js';
import { invalidOption } from './options.js';
import { type Transition } from './transition.js';
import { type ValueCodec } from './value-codec.js';
import { decodeToken, encodeToken, invalidToken, type VersionToken } from './version-token.js';
import { type WriteIntent } from './write-plan.js';

export interface CacheWriterOptions {
  readonly definition: CacheDefinition;
  readonly region: string;
  readonly store: Store;
  readonly writer: L2Writer;
  readonly codec: ValueCodec;
  readonly coherence: Coherence;
  readonly clock: Clock;
  /** `undefined`: this pod may not publish. */
  readonly publisher: EventPublisher | undefined;
  /** Told of every acknowledged write. */
  readonly onCommitted: (token: VersionToken, transition: Transition) => void;
  /** A fresh mark for each `invalidate` everywhere. */
  readonly newMark: () => string;
}

/** Single writes of one `putMany`, or touches of one `invalidate`, that are under way at a time. */
const sideBySideMax = 16;

/** A cache's writes as its callers see them: options checked, values encoded, outcomes turned into receipts with their tokens. */
export class CacheWriter {
  readonly #options: CacheWriterOptions;
  #loads = false;

  constructor(options: CacheWriterOptions) {
    this.#options = options;
  }

  /** This pod loads values into the cache, so its deletes leave tombstones, unless the definition says otherwise. */
  noteLoads(): void {
    this.#loads = true;
  }

  async put(key: string, value: unknown, options: PutOptions | undefined): Promise<WriteReceipt> {
    const token = options?.ifVersion;
    const intent: WriteIntent =
      token === undefined ? { type: 'replace' } : { type: 'if-version', writeId: this.#versionOf(key, token) };
    return this.#put('put', key, value, intent, options);
  }

  async putIfAbsent(key: string, value: unknown, options: PutIfAbsentOptions | undefined): Promise<WriteReceipt> {
    return this.#put('putIfAbsent', key, value, { type: 'if-absent' }, options);
  }

  async putMany(
    entries: ReadonlyMap<string, unknown>,
    options: PutIfAbsentOptions | undefined,
  ): Promise<WriteOutcomes> {
    type Outcome = { readonly receipt: WriteReceipt } | { readonly error: Error };
    const outcomes = new Map<string, Outcome>();
    await eachOf([...entries], sideBySideMax, async ([key, value]) => {
      try {
        outcomes.set(key, { receipt: await this.put(key, value, options) });
      } catch (error) {
        outcomes.set(key, { error: error instanceof Error ? error : new Error(String(error)) });
      }
    });
    const inOrder = [...entries.keys()].map((key) => [key, outcomes.get(key)] as [string, Outcome]);
    return new Map(inOrder);
  }

  async delete(key: string, options: CallOptions | undefined): Promise<WriteReceipt> {
    const { writer, definition } = this.#options;
    const mode = definition.deletes ?? (this.#loads ? 'tombstone' : 'remove');
    return this.#receipt(key, await writer.delete(key, mode, this.#call(options)));
  }

  async invalidate(keys: readonly string[], options: InvalidateOptions | undefined): Promise<void> {
    const { definition, publisher, store, coherence, clock, newMark } = this.#options;
    const { name, table } = definition;
    const everywhere = this.#isEverywhere(options);
    if (publisher === undefined && !everywhere)
      throw new TidemarkError('NOT_SUPPORTED', `cache ${name}: invalidate needs the fast lane, which is off here`, {
        retriable: false,
        context: { cache: name },
      });
    const call = this.#call(options);
    const endMs = clock.monotonicMs() + call.timeoutMs;
    const left = (): WriteCall => ({ ...call, timeoutMs: endMs - clock.monotonicMs() });
    for (const key of keys) coherence.invalidate(key);
    if (keys.length === 0) return;
    const mark = newMark();
    if (everywhere) await eachOf(keys, sideBySideMax, (key) => store.touch(table, itemKeyOf(name, key), mark, left()));
    const records = keys.map((key) => encodeControl({ control: 'invalidate', table, key: itemKeyOf(name, key) }));
    await publisher?.publish(table, records, left());
  }

  /** Ms of a deadline, and the caller's signal, which must not be aborted already. */
  #call(options: CallOptions | undefined): WriteCall {
    const { definition } = this.#options;
    const timeoutMs =
      options?.timeout === undefined ? definition.writeTimeoutMs : parseDuration(options.timeout, 'timeout');
    if (options?.signal?.aborted === true)
      throw new TidemarkError('ABORTED', `write in cache ${definition.name} was aborted before it began`, {
        retriable: false,
        cause: options.signal.reason,
      });
    return { timeoutMs, signal: options?.signal };
  }

  async #put(
    operation: 'put' | 'putIfAbsent',
    key: string,
    value: unknown,
    intent: WriteIntent,
    options: PutOptions | undefined,
  ): Promise<WriteReceipt> {
    const { codec, writer, clock } = this.#options;
    const encoded = codec.encode(value);
    const expiresAt = expiryOf(options?.expiresIn, clock.now());
    return this.#receipt(key, await writer.put(operation, key, encoded, expiresAt, intent, this.#call(options)));
  }

  #receipt(key: string, result: WriteResult): WriteReceipt {
    const { definition, region, clock, onCommitted } = this.#options;
    if (result.type === 'refused') {
      if (result.reason === 'lease-lost') throw new TypeError('only a load has a lease');
      return { applied: false, reason: result.reason };
    }
    const { writeId, transition } = result;
    const { table, name } = definition;
    const stored = transition.new === undefined ? null : writeId;
    const token = encodeToken({ table, itemKey: itemKeyOf(name, key), region, writeId: stored, at: clock.now() });
    onCommitted(token, transition);
    return { applied: true, writeId, token };
  }

  #versionOf(key: string, token: VersionToken): string {
    const { definition } = this.#options;
    const { table, itemKey, writeId } = decodeToken(token);
    if (table !== definition.table || itemKey !== itemKeyOf(definition.name, key))
      throw invalidToken('ifVersion: expected a token of this key, got another key’s');
    if (writeId === null)
      throw invalidToken('ifVersion: expected a token of a put, got one of a delete; use putIfAbsent');
    return writeId;
  }

  #isEverywhere(options: InvalidateOptions | undefined): boolean {
    const scope: unknown = options?.scope ?? 'region';
    if (scope === 'region' || scope === 'everywhere') return scope === 'everywhere';
    throw invalidOption('scope', "'region' or 'everywhere'", scope);
  }
}

/** Seconds since the epoch, rounded up; `null`: never. */
export function expiryOf(expiresIn: Duration | undefined, nowMs: number): number | null {
  return expiresIn === undefined ? null : Math.ceil((nowMs + parseDuration(expiresIn, 'expiresIn')) / 1_000);
}
