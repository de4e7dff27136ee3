import { type WireRecord } from '@tidemark/protocol';

import { type DispatchHistory, sinceOf } from './dispatch-history.js';

/**
 * What a pod may rely on in one target, under one `since`: a record that it has not seen is never behind one that it has, unless it stood in the
 * table topic before that `since` was announced; and a record that comes again is the very same.
 */
export function faultsOf(history: DispatchHistory, topic: string): readonly string[] {
  const reader = new TargetReader(history, topic);
  for (const record of history.bench.sink.log(topic, 0)) reader.read(record);
  if (history.routed.includes(topic)) reader.end();
  return reader.faults;
}

class TargetReader {
  readonly faults: string[] = [];
  readonly #history: DispatchHistory;
  readonly #topic: string;
  #since = -1;
  /** Records before it stood in the table topic when the `since` was first announced. */
  #floor = 0;
  #seen = new Set<number>();
  #highest = -1;

  constructor(history: DispatchHistory, topic: string) {
    this.#history = history;
    this.#topic = topic;
  }

  read(record: WireRecord): void {
    const told = sinceOf(record);
    if (told !== undefined && told > this.#since) this.#begin(told);
    const { src } = record;
    if (src === undefined) return;
    const original = this.#history.tableTopic[src];
    if (original?.key !== record.key || original.value !== record.value) this.#fault(`${src} is another record`);
    if (!this.#seen.has(src)) this.#readFirst(src);
  }

  /** Everything that was to come has come. */
  end(): void {
    for (let src = this.#floor; src < this.#history.tableTopic.length; src += 1)
      if (!this.#seen.has(src)) this.#fault(`${src} never came`);
  }

  #begin(since: number): void {
    this.#since = since;
    this.#floor = this.#history.floors.get(`${this.#topic}@${since}`) ?? 0;
    this.#seen = new Set();
    this.#highest = -1;
  }

  #readFirst(src: number): void {
    if (src >= this.#floor && src < this.#highest) this.#fault(`${src} is late`);
    for (let before = Math.max(this.#floor, this.#highest + 1); before < src; before += 1)
      this.#fault(`${src} before ${before}`);
    this.#seen.add(src);
    this.#highest = Math.max(this.#highest, src);
  }

  #fault(what: string): void {
    this.faults.push(`${this.#topic}@${this.#since}: ${what}`);
  }
}
