import assert from 'node:assert/strict';
import { type BatchOutcome, type EventSourceHandler, type SourceBatch, type TopicPartition } from '@tidemark/pipeline';
import { MetricRegistry } from '@tidemark/runtime';
import { GroupConsumer, type GroupConsumerOptions } from '../group-consumer.js';
import { type ContractWorld } from './contract-world.js';

export type Outcome = BatchOutcome;

/** A group member and everything it was given; it also sees to it that calls of one partition never overlap, nor come before their assignment. */
export class RecordingSource implements EventSourceHandler {
  readonly source: GroupConsumer;
  readonly metrics = new MetricRegistry();
  readonly assignments: (readonly TopicPartition[])[] = [];
  readonly batches: SourceBatch[] = [];
  /** What went wrong in the order of calls. */
  readonly faults: string[] = [];
  readonly #values = new Map<string, number[]>();
  readonly #busy = new Set<string>();
  #assigning = 0;
  /** Of each call: aborted when its partition is to be let go. */
  readonly closings: AbortSignal[] = [];
  onBatchDo: (batch: SourceBatch, signal: AbortSignal, closing?: AbortSignal) => Promise<Outcome> | Outcome = () =>
    'commit';
  onAssignedDo: () => Promise<void> | void = () => undefined;

  constructor(world: ContractWorld, options: Partial<GroupConsumerOptions> = {}) {
    const { client, names, logger } = world;
    this.source = world.keep(
      new GroupConsumer({ client, logger, groupId: names.dispatcherGroup, metrics: this.metrics, ...options }),
      (source) => source.stop(),
    );
  }

  async join(topics: readonly string[]): Promise<void> {
    await this.source.subscribe(topics);
    await this.source.start(this);
  }

  async onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#busy.size > 0) this.faults.push(`assigned while ${[...this.#busy].join()} were at work`);
    this.#assigning += 1;
    try {
      await this.onAssignedDo();
      this.assignments.push(partitions);
    } finally {
      this.#assigning -= 1;
    }
  }

  async onBatch(batch: SourceBatch, signal: AbortSignal, closing?: AbortSignal): Promise<Outcome> {
    const id = `${batch.topic}/${batch.partition}`;
    if (this.#busy.has(id)) this.faults.push(`two calls at once for ${id}`);
    if (this.#assigning > 0) this.faults.push(`${id} before its assignment`);
    this.#busy.add(id);
    try {
      this.batches.push(batch);
      if (closing !== undefined) this.closings.push(closing);
      const outcome = await this.onBatchDo(batch, signal, closing);
      if (outcome === 'commit') this.#keep(id, batch);
      return outcome;
    } finally {
      this.#busy.delete(id);
    }
  }

  numbers(topic: string, partition = 0): readonly number[] {
    return this.#values.get(`${topic}/${partition}`) ?? [];
  }

  owns(): number {
    return this.assignments.at(-1)?.length ?? 0;
  }

  metric(name: string): number {
    const family = this.metrics.collect().find((one) => one.name === name);
    const [series] = family?.series.values() ?? [];
    return series !== undefined && 'value' in series ? series.value : 0;
  }

  assertOrderly(): void {
    assert.deepEqual(this.faults, []);
  }

  #keep(id: string, batch: SourceBatch): void {
    const values = this.#values.get(id) ?? [];
    values.push(...batch.records.map(({ value }) => Number(Buffer.from(value ?? []).toString())));
    this.#values.set(id, values);
  }
}
