import { type DestinationWatch } from './destination-watch.js';
import { type EndedDebts } from './ended-debts.js';
import { type ShardLease } from './ports.js';
import { type ClaimsSnapshot } from './shard-claims.js';
import { type ShardRunners } from './shard-runners.js';
import { type StreamSurvey, type Survey } from './stream-survey.js';
import { type SyncMetrics } from './sync-metrics.js';
import { type ResolvedSyncOptions } from './sync-options.js';
import { type TablePublisher } from './table-publisher.js';
import { isOfStream, lowestOpen, watermarkOf } from './watermark.js';
import { within } from './within.js';

export interface StreamSpeakerPorts {
  readonly options: ResolvedSyncOptions;
  readonly metrics: SyncMetrics;
  readonly publisher: TablePublisher;
  readonly survey: StreamSurvey;
  /** `undefined`: nobody looks at streaming destinations. */
  readonly destinations: DestinationWatch | undefined;
  readonly endedDebts: EndedDebts;
  readonly runners: ShardRunners;
  /** Runs `work`; a failure is remembered and told. */
  readonly attempt: (what: string, work: () => Promise<void>) => Promise<void>;
  readonly stopReading: AbortSignal;
}

/** What a scan has read of the lease table, and what belongs to it. */
export interface Reading {
  /** Every row. */
  readonly all: readonly ShardLease[];
  /** Those of the stream. */
  readonly rows: readonly ShardLease[];
  /** This worker's own claims, noted before the rows were read. */
  readonly claims: ClaimsSnapshot;
  /** A survey that was asked for after that; `undefined`: there is none that would show that all of it is about the stream that is there. */
  readonly asked: Promise<Survey | undefined> | undefined;
}

/** How old the list of topics may be with a worker that only looks whether Kafka is there, ms. */
const kafkaLookEveryMs = 2_000;

/**
 * What one worker does for all of them: the owner of the lowest open shard publishes the watermark, looks at the tables' streaming destinations and settles what
 * ended shards owe. The others only look whether Kafka is there.
 */
export class StreamSpeaker {
  readonly #ports: StreamSpeakerPorts;
  #watermark: number | null = null;
  #publishing: Promise<void> | undefined;
  #looking: Promise<void> | undefined;

  constructor(ports: StreamSpeakerPorts) {
    this.#ports = ports;
  }

  /** The last watermark that was published, ms since the epoch; `null`: none, or another worker publishes. */
  get watermark(): number | null {
    return this.#watermark;
  }

  speaksBy(rows: readonly ShardLease[]): boolean {
    return lowestOpen(rows)?.owner === this.#ports.options.workerId;
  }

  /** Whoever may come to publish looks before it reads anything, so that one flush covers what both find. What fails here, publishing tells. */
  async lookBeforeReading(rows: readonly ShardLease[]): Promise<void> {
    const owner = lowestOpen(rows)?.owner ?? null;
    if (this.#ports.runners.size === 0 && owner === null) await this.#lookAtDestinations().catch(() => undefined);
  }

  /** Begins what is due, unless it is under way; waits for nothing. */
  speak(reading: Reading): void {
    const { endedDebts, destinations, options } = this.#ports;
    const speaker = lowestOpen(reading.rows)?.owner;
    if (speaker === options.workerId) {
      endedDebts.pay(reading.rows);
      // Beside publishing, which may have to wait for Kafka or Kinesis: what is not looked at in time must be flushed.
      void this.#lookAtDestinations().catch(() => undefined);
    } else if (speaker !== null) {
      // While nobody does, this worker may come to.
      endedDebts.leave();
      destinations?.leave();
    }
    this.#publishing ??= this.#ports
      .attempt('publishing the watermark to Kafka', () => this.#publish(reading))
      .finally(() => (this.#publishing = undefined));
  }

  /** No watermark is published any more. */
  fallSilent(): void {
    this.#watermark = null;
  }

  /** Resolves when nothing is being published. */
  async ended(): Promise<void> {
    await this.#publishing;
  }

  /** Tables whose watermark is withheld, and why. */
  withheldTables(rows: readonly ShardLease[]): Readonly<Record<string, string>> {
    const owing = rows.flatMap((row) => row.owes ?? []).concat(this.#owedTables);
    const owed = Object.fromEntries(owing.map((table) => [table, 'a flush is owed']));
    const { destinations, publisher } = this.#ports;
    const watched = this.speaksBy(rows) ? (destinations?.withheld ?? {}) : {};
    return { ...watched, ...owed, ...publisher.debts.parked };
  }

  async #publish({ all, rows, claims, asked }: Reading): Promise<void> {
    const { options, publisher, metrics, destinations, stopReading: signal } = this.#ports;
    if (!this.speaksBy(rows)) {
      this.#watermark = null;
      return void (await publisher.topics.list(signal, kafkaLookEveryMs));
    }
    const survey = await asked;
    const at = survey === undefined ? null : this.#watermarkAt(all, claims, survey);
    await this.#lookAtDestinations();
    if (survey === undefined || at === null) return void (await publisher.topics.list(signal));
    const watermark = { at, streamId: survey.stream.streamId };
    // Debts as they are now: one that is settled by now was settled by a flush that is acknowledged.
    const owed = new Set([...all.flatMap((row) => row.owes ?? []), ...this.#owedTables]);
    const isWithheld = (table: string): boolean => owed.has(table) || destinations?.mayPublish(table) === false;
    const sent = await publisher.watermarks.publish(watermark, isWithheld, options.scanEveryMs, signal);
    if (sent.acknowledged > 0) {
      this.#watermark = at;
      metrics.watermarks.value += 1;
    }
    if (sent.failure !== undefined) throw sent.failure;
  }

  /** What the rows and this worker's own claims prove of the stream that was there after they were made. */
  #watermarkAt(all: readonly ShardLease[], claims: ClaimsSnapshot, { stream }: Survey): number | null {
    const own = all.filter((row) => isOfStream(row, stream.streamId));
    const claimed = watermarkOf(own, claims(stream.streamId));
    const bound = this.#ports.survey.bound(own);
    return claimed === null || bound === null ? null : Math.min(claimed, bound);
  }

  /** Waits for the answers no longer than a scan may be late. */
  async #lookAtDestinations(): Promise<void> {
    const { options, destinations, publisher, stopReading } = this.#ports;
    const { clock, scanEveryMs } = options;
    if (destinations === undefined) return;
    this.#looking ??= publisher.topics
      .knownTables(scanEveryMs / 2, stopReading)
      .then((tables) => destinations.look(tables))
      .finally(() => (this.#looking = undefined));
    await within(clock, scanEveryMs, this.#looking);
  }

  get #owedTables(): readonly string[] {
    const { runners, publisher } = this.#ports;
    return [...runners.owedTables, ...Object.keys(publisher.debts.parked)];
  }
}
