import { TidemarkError } from '@tidemark/runtime';
import { checkNumber } from './embedded-aws-options.js';
import { type EmbeddedRegion } from './embedded-region.js';
import { type ReplicationDelay, type ReplicationLink } from './replication-link.js';
import { type Fault, type FaultTarget, type RequestFaults } from './request-faults.js';

/**
 * What can be made to go wrong, at any time while the stack runs. Everything random comes from the stack's seed. `region` left out means
 * every region; `from` and `to` left out mean every pair of regions.
 */
export class AwsFaults {
  readonly #regions: ReadonlyMap<string, EmbeddedRegion>;
  readonly #requests: RequestFaults;
  readonly #distributions = new Map<string, Fault>();

  constructor(regions: ReadonlyMap<string, EmbeddedRegion>, requests: RequestFaults) {
    this.#regions = regions;
    this.#requests = requests;
  }

  /** How long writes travel from now on, ms. With delays that differ, later writes overtake earlier ones. */
  setReplicationDelay(delay: ReplicationDelay, from?: string, to?: string): void {
    for (const link of this.#links(from, to)) link.delay = delay;
  }

  /** Holds writes between regions; within a region everything goes on. */
  pauseReplication(from?: string, to?: string): void {
    for (const link of this.#links(from, to)) link.pause();
  }

  /** What was held arrives at once. */
  resumeReplication(from?: string, to?: string): void {
    for (const link of this.#links(from, to)) link.resume();
  }

  /** Writes a change record twice with this probability, in [0, 1]; the copy comes up to 16 records later. */
  duplicateRecords(probability: number, region?: string): void {
    checkNumber('probability', probability, 0, 1);
    for (const { capture } of this.#chosen(region)) capture.turbulence.duplicateProbability = probability;
  }

  /** Shuffles change records, so that each is overtaken by fewer than 2 × `window` others, those of its key among them; 1 stops it. */
  reorderRecords(window: number, region?: string): void {
    checkNumber('window', window, 1, 10_000);
    for (const { capture } of this.#chosen(region)) capture.turbulence.window = window;
  }

  /** Writes no record of the next changes, as AWS does for a change that is too large for the stream. Nobody is told. */
  skipRecords(times: number, region?: string): void {
    checkNumber('times', times, 1);
    for (const { capture } of this.#chosen(region)) capture.skipNext(times);
  }

  /**
   * What the stream says from now on of how it distributes records. With `AUTO`, AWS spreads the records of a key over all shards; here they go where they went, so that
   * whoever reads them nevertheless can be told by what it does. Lasts until it is set back, or `clearRequestFaults`.
   */
  distributeRecords(strategy: 'AUTO' | 'USER_PARTITION_KEY', region?: string): void {
    for (const { name } of this.#chosen(region)) {
      this.#distributions.get(name)?.clear();
      this.#distributions.delete(name);
      if (strategy === 'USER_PARTITION_KEY') continue;
      const target = { service: 'kinesis', operation: 'DescribeStreamSummary', region: name } as const;
      const says = { kind: 'amend', amend: (answer: object) => distributedBy(answer, strategy) } as const;
      this.#distributions.set(name, this.#requests.add(target, says, Number.MAX_SAFE_INTEGER));
    }
  }

  /** Holds change records back from the stream; none is lost. */
  pauseCapture(region?: string): void {
    for (const { capture } of this.#chosen(region)) capture.publisher.pause();
  }

  resumeCapture(region?: string): void {
    for (const { capture } of this.#chosen(region)) capture.publisher.resume();
  }

  /** Ends the capture of a table, as an operator's mistake would: what changes before `enableStream` is never streamed. */
  disableStream(table: string, region?: string): void {
    this.#setStream(table, region, 'DISABLED');
  }

  enableStream(table: string, region?: string): void {
    this.#setStream(table, region, 'ACTIVE');
  }

  /** Answers the next `times` requests with `ProvisionedThroughputExceededException`. Clients of the AWS SDK retry by themselves. */
  throttle(target: FaultTarget, times: number): Fault {
    const message = 'The rate of requests exceeds the throughput';
    // The part before the hash is DynamoDB's; clients of either service look at the name only.
    return this.fail(target, { statusCode: 400, type: 'ProvisionedThroughputExceededException', message }, times);
  }

  /** Answers the next `times` requests with an error: `type` is AWS's name of it. */
  fail(target: FaultTarget, error: { statusCode: number; type: string; message: string }, times: number): Fault {
    checkNumber('times', times, 1);
    return this.#requests.add(target, { kind: 'error', ...error }, times);
  }

  /** Closes the connection of the next `times` requests and does nothing. */
  dropConnection(target: FaultTarget, times: number): Fault {
    checkNumber('times', times, 1);
    return this.#requests.add(target, { kind: 'drop' }, times);
  }

  /** Does what the next `times` requests ask and closes the connection instead of an answer: ambiguous writes. */
  dropAnswer(target: FaultTarget, times: number): Fault {
    checkNumber('times', times, 1);
    return this.#requests.add(target, { kind: 'dropAnswer' }, times);
  }

  /** Serves requests `delayMs` later; all of them until cleared, or the next `times`. */
  delay(target: FaultTarget, delayMs: number, times = Number.MAX_SAFE_INTEGER): Fault {
    checkNumber('delayMs', delayMs, 0);
    checkNumber('times', times, 1);
    return this.#requests.add(target, { kind: 'delay', delayMs }, times);
  }

  /** Answers nothing until cleared: a service that hangs. What it holds is served then. */
  stall(target: FaultTarget): Fault {
    return this.#requests.add(target, { kind: 'stall' }, Number.MAX_SAFE_INTEGER);
  }

  /** Ends every fault on requests; those of replication and capture stay as they are. */
  clearRequestFaults(): void {
    this.#requests.clearAll();
  }

  #setStream(table: string, region: string | undefined, status: 'ACTIVE' | 'DISABLED'): void {
    for (const { settings } of this.#chosen(region)) {
      const { destination } = settings.get(table);
      if (destination !== undefined) settings.change(table, { destination: { ...destination, status } });
    }
  }

  #chosen(region: string | undefined): readonly EmbeddedRegion[] {
    if (region === undefined) return [...this.#regions.values()];
    const chosen = this.#regions.get(region);
    if (chosen === undefined) throw unknownRegion(region);
    return [chosen];
  }

  #links(from: string | undefined, to: string | undefined): readonly ReplicationLink[] {
    if (to !== undefined && !this.#regions.has(to)) throw unknownRegion(to);
    return this.#chosen(from).flatMap((region) =>
      [...region.links.values()].filter((link) => to === undefined || link.to === to),
    );
  }
}

function distributedBy(answer: object, RecordDistributionStrategy: string): object {
  const { StreamDescriptionSummary: summary, ...rest } = answer as { readonly StreamDescriptionSummary?: object };
  return { ...rest, StreamDescriptionSummary: { ...summary, RecordDistributionStrategy } };
}

export function unknownRegion(region: string): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `this stack has no region ${region}`, {
    retriable: false,
    context: { region },
  });
}
