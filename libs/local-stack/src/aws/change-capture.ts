import { createHash } from 'node:crypto';
import { type Clock, type Logger } from '@tidemark/runtime';
import { type BinaryEncoding, cdcRecord, expiryIdentity } from './cdc-record.js';
import { itemBytes } from './dynalite-hooks.js';
import { type ItemWrite } from './item-write.js';
import { type MicrosClock } from './last-writers.js';
import { type Random, randomUuid } from './seeded-random.js';
import { type PutRecords, StreamPublisher, type StreamRecord } from './stream-publisher.js';
import { type StreamDestination } from './table-settings.js';
import { Turbulence } from './turbulence.js';
import { canonical, sameItem, type WireItem } from './wire-item.js';

/** AWS skips a change whose record is larger than the stream takes, and tells nobody. */
const recordBytesMax = 1024 * 1024;
const turbulenceHoldMs = 20;

export interface ChangeCaptureOptions {
  readonly region: string;
  readonly micros: MicrosClock;
  readonly binaryEncoding: BinaryEncoding;
  /** Changes that may wait for the stream before writes are throttled. */
  readonly queueMax: number;
  readonly putRecords: PutRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onProgress: () => void;
}

/** Turns the writes of one region into records of its streams. */
export class ChangeCapture {
  readonly publisher: StreamPublisher;
  readonly turbulence: Turbulence<StreamRecord>;
  readonly #options: ChangeCaptureOptions;
  #captured = 0;
  #skipped = 0;
  #skipNext = 0;

  constructor(options: ChangeCaptureOptions) {
    this.#options = options;
    this.publisher = new StreamPublisher(options);
    this.turbulence = new Turbulence({ ...options, holdMs: turbulenceHoldMs }, (record) => this.publisher.add(record));
  }

  /** Changes that were captured, the skipped among them. */
  get captured(): number {
    return this.#captured;
  }

  /** Changes of which no record was written: too large, or skipped by a fault. */
  get skipped(): number {
    return this.#skipped;
  }

  get pending(): number {
    return this.turbulence.held + this.publisher.pending;
  }

  get full(): boolean {
    return this.pending >= this.#options.queueMax;
  }

  skipNext(records: number): void {
    this.#skipNext += records;
  }

  /** `onAccepted` is called when the stream has the record, or a copy of it. */
  capture(write: ItemWrite, destination: StreamDestination, onAccepted?: () => void): void {
    const { region, random, micros, binaryEncoding } = this.#options;
    if (sameItem(write.oldItem, write.newItem)) return;
    const { keys, oldItem, newItem } = write;
    const change = {
      region,
      tableName: write.table.TableName,
      eventId: randomUuid(random),
      micros: micros.next(),
      keys,
      oldItem,
      newItem,
      userIdentity: write.cause.kind === 'expiry' ? expiryIdentity : null,
      sizeBytes: sizeOf(keys) + sizeOf(oldItem) + sizeOf(newItem),
    };
    const bytes = cdcRecord(change, { precision: destination.precision, binaryEncoding });
    this.#captured++;
    if (this.#isSkipped(bytes)) return;
    const partitionKey = partitionKeyOf(write.table.TableName, keys);
    this.turbulence.offer({ streamName: destination.streamName, partitionKey, bytes, onAccepted });
  }

  stop(): void {
    this.turbulence.stop();
    this.publisher.stop();
  }

  #isSkipped(bytes: Buffer): boolean {
    const forced = this.#skipNext > 0;
    if (forced) this.#skipNext--;
    else if (bytes.length <= recordBytesMax) return false;
    this.#skipped++;
    return true;
  }
}

/** The same for every change of a key, so that its records share a shard. How AWS derives it is not documented. */
function partitionKeyOf(table: string, keys: WireItem): string {
  return createHash('md5')
    .update(`${table}|${canonical(keys)}`)
    .digest('hex')
    .toUpperCase();
}

function sizeOf(item: WireItem | undefined): number {
  return item === undefined ? 0 : itemBytes(item);
}
