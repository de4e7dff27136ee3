import { type ControlRecord, type DecodedRecord, topicNames } from '@tidemark/protocol';
import { ManualClock } from '@tidemark/runtime/testing';
import { type SyncWorkerOptions } from '../sync-options.js';
import { SyncWorker } from '../sync-worker.js';
import { changeRecordBytes } from './change-record-bytes.js';
import { FakeDestinations } from './fake-destinations.js';
import { type FakeEventSinkOptions } from './fake-event-sink.js';
import { FakeLeaseStore } from './fake-lease-store.js';
import { FlakyEventSink } from './flaky-event-sink.js';
import { FakeStream, type FakeStreamOptions } from './fake-stream.js';

export interface SyncWorldOptions {
  readonly stream?: Omit<FakeStreamOptions, 'clock'>;
  readonly sink?: Omit<FakeEventSinkOptions, 'clock'>;
  /** Whether workers look at the tables' streaming destinations. Default true. */
  readonly looks?: boolean;
}

/** A stream, a lease table, streaming destinations, Kafka and any number of workers on one clock that the test moves. */
export class SyncWorld {
  readonly clock = new ManualClock();
  readonly names = topicNames();
  readonly leases = new FakeLeaseStore();
  readonly destinations = new FakeDestinations();
  readonly stream: FakeStream;
  readonly sink: FlakyEventSink;
  readonly workers: SyncWorker[] = [];
  readonly #looks: boolean;
  readonly #writeIds = new Map<string, string>();
  #written = 0;

  constructor(options: SyncWorldOptions = {}) {
    this.stream = new FakeStream({ ...options.stream, clock: this.clock });
    this.sink = new FlakyEventSink({ ...options.sink, clock: this.clock });
    this.#looks = options.looks ?? true;
  }

  /** A started worker. */
  worker(workerId: string, options: Partial<SyncWorkerOptions> = {}): SyncWorker {
    const worker = new SyncWorker({
      reader: this.stream,
      leases: this.leases,
      sink: this.sink,
      ...(this.#looks ? { destinations: { reader: this.destinations, store: this.destinations.store } } : {}),
      region: 'us-east-1',
      workerId,
      clock: this.clock,
      random: () => 0.5,
      ...options,
    });
    this.workers.push(worker);
    worker.start();
    return worker;
  }

  /** Writes a key of a table: a record in the shard at `share`, in [0, 1), if the table's destination is active. Returns the new write id. */
  write(table: string, key: string, share = 0): string {
    const id = `${table}/${key}`;
    const to = `w${(this.#written += 1)}`;
    const from = this.#writeIds.get(id);
    this.#writeIds.set(id, to);
    if (this.destinations.of(table).status === 'ACTIVE')
      this.stream.put(share, changeRecordBytes({ table, key, to, ...(from === undefined ? {} : { from }) }));
    return to;
  }

  /** Write ids of a key's events in the order in which they stand on Kafka. */
  eventsOf(table: string, key: string): readonly (string | null)[] {
    return this.records(table).flatMap((record) =>
      record.type === 'event' && record.event.key === key ? [record.event.to] : [],
    );
  }

  records(table: string): readonly DecodedRecord[] {
    return this.sink.decoded(this.names.cdc(table));
  }

  controls<K extends ControlRecord['control']>(
    table: string,
    kind: K,
  ): readonly Extract<ControlRecord, { control: K }>[] {
    return this.records(table).flatMap((record) =>
      record.type === 'control' && record.record.control === kind
        ? [record.record as Extract<ControlRecord, { control: K }>]
        : [],
    );
  }

  deadLetters(): readonly Record<string, unknown>[] {
    const letters: Record<string, unknown>[] = [];
    for (let partition = 0; partition < 3; partition += 1)
      for (const { value } of this.sink.log(this.names.deadLetters, partition))
        letters.push(JSON.parse(Buffer.from(value ?? []).toString('utf8')) as Record<string, unknown>);
    return letters;
  }

  /** Ends every worker; nothing is left on the clock then. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
  }
}
