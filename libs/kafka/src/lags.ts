import { type Metric } from '@tidemark/runtime';

/** A gauge of records behind, by topic: the sum over its partitions of what was last known. Not a number while nobody can know. */
export class Lags {
  readonly #gaugeOf: (topic: string) => Metric;
  readonly #lags = new Map<string, Map<number, number>>();
  #known = true;

  constructor(gaugeOf: (topic: string) => Metric) {
    this.#gaugeOf = gaugeOf;
  }

  set(topic: string, partition: number, records: bigint): void {
    let partitions = this.#lags.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#lags.set(topic, partitions);
    }
    partitions.set(partition, Number(records));
    this.#write(topic);
  }

  /** Whether the brokers answer. */
  know(known: boolean): void {
    if (known === this.#known) return;
    this.#known = known;
    for (const topic of this.#lags.keys()) this.#write(topic);
  }

  /** What is read from now on: partitions that went are nobody's lag here, and new ones have none yet. */
  keep(places: readonly { readonly topic: string; readonly partition: number }[]): void {
    for (const [topic, partitions] of this.#lags)
      for (const partition of partitions.keys())
        if (!places.some((place) => place.topic === topic && place.partition === partition))
          partitions.delete(partition);
    for (const { topic, partition } of places)
      if (this.#lags.get(topic)?.has(partition) !== true) this.set(topic, partition, 0n);
    for (const topic of this.#lags.keys()) this.#write(topic);
  }

  forget(topic: string): void {
    if (this.#lags.delete(topic)) this.#gaugeOf(topic).value = 0;
  }

  #write(topic: string): void {
    let sum = 0;
    for (const records of this.#lags.get(topic)?.values() ?? []) sum += records;
    this.#gaugeOf(topic).value = this.#known ? sum : Number.NaN;
  }
}
