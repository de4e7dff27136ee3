import { describe, expect, it } from '@jest/globals';
import { decodeRecord, type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import fc from 'fast-check';

import { type OutgoingRecord } from './ports.js';
import { DispatchBench, type DispatchMember, event, names, quiet, route, watermark } from './testing/dispatch-bench.js';

/** Random histories; more for a long run. */
const runs = Number(process.env['TIDEMARK_TEST_RUNS'] ?? 300);
const targets = ['a', 'b'] as const;
type Target = (typeof targets)[number];

type Step =
  | { readonly type: 'append'; readonly count: number; readonly watermark: boolean }
  | { readonly type: 'take' | 'rebalance' | 'kill' | 'join'; readonly member: number }
  | { readonly type: 'lose-commits' | 'lag'; readonly member: number; readonly on: boolean }
  | { readonly type: 'fail'; readonly target: Target; readonly how: 'lost' | 'written' | 'late' }
  | { readonly type: 'arrive' }
  | { readonly type: 'route'; readonly to: readonly Target[] }
  | { readonly type: 'wait'; readonly ms: number };

const member = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 5 }),
      watermark: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('take' as const, 'rebalance' as const, 'kill' as const, 'join' as const),
      member,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom('lose-commits' as const, 'lag' as const), member, on: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('fail' as const),
      target: fc.constantFrom(...targets),
      how: fc.constantFrom('lost' as const, 'written' as const, 'late' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'arrive' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('route' as const), to: fc.subarray([...targets]) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(50, 1_000, 11_000) }) },
);

/**
 * One partition of one table, up to three dispatchers, and everything that may happen to them. One owns the partition; those that had it before may not
 * have heard of that yet, and go on until their commit is refused.
 */
class History {
  readonly bench = new DispatchBench();
  readonly #members: DispatchMember[] = [];
  #owner: DispatchMember | undefined;
  /** Requests that the brokers took after their sender had given them up. */
  readonly #late: { readonly topic: string; readonly records: readonly OutgoingRecord[] }[] = [];
  /** Records of the table topic when a target was first told its `since`: `topic@since` → count. */
  readonly floors = new Map<string, number>();
  #route: Record<string, number> = { a: 1 };
  #version = 1;
  #written = 0;

  constructor() {
    this.bench.table('users', 1);
    for (const target of targets) this.bench.sink.createTopic(target, 1);
    this.bench.routes.write(route(1, this.#route));
    this.bench.sink.onAppend((topic, _partition, record) => {
      const since = sinceOf(record);
      if (since !== undefined && !this.floors.has(`${topic}@${since}`))
        this.floors.set(`${topic}@${since}`, this.#written);
    });
  }

  get tableTopic(): readonly WireRecord[] {
    return this.bench.topics.log({ topic: names.cdc('users'), partition: 0 }).records;
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#join();
    for (const one of steps) {
      await this.#take(one);
      await quiet();
    }
    await this.#settle();
  }

  async #take(one: Step): Promise<void> {
    switch (one.type) {
      case 'append':
        return this.#append(one.count, one.watermark);
      case 'take':
        return this.#give(this.#members[one.member]);
      case 'rebalance':
        return this.#members[one.member]?.source.rebalance();
      case 'kill':
        await this.#members.splice(one.member, 1)[0]?.dispatcher.kill();
        if (this.#members.length === 0) await this.#join();
        else if (this.#owner === undefined || !this.#members.includes(this.#owner)) await this.#give(this.#members[0]);
        return;
      case 'join':
        return this.#members.length < 3 ? this.#join() : undefined;
      case 'lose-commits':
        return this.#each(one.member, ({ source }) => (source.losesCommits = one.on));
      case 'lag':
        return this.#each(one.member, ({ store }) => (one.on ? store.pause() : store.resume()));
      case 'fail':
        return this.#fail(one.target, one.how);
      case 'arrive':
        return this.#arrive();
      case 'route':
        return this.#reroute(one.to);
      case 'wait':
        return this.bench.clock.advance(one.ms);
    }
  }

  #append(count: number, withWatermark: boolean): void {
    const records = Array.from({ length: count }, () => event(`u:${(this.#written += 1)}`));
    if (withWatermark) records.push(watermark((this.#written += 1)));
    this.bench.append('users', 0, ...records);
  }

  async #join(): Promise<void> {
    const made = this.bench.member({ chunkRecordsMax: 2, publishAttemptsMax: 2 });
    made.source.share = () => this.#owner === made;
    this.#members.push(made);
    this.#owner ??= made;
    await made.dispatcher.start();
  }

  /** The brokers refuse the commits of whoever had the partition before. */
  async #give(made: DispatchMember | undefined): Promise<void> {
    if (made === undefined) return;
    this.#owner = made;
    for (const { source } of this.#members) source.losesCommits = source !== made.source;
    await made.source.rebalance();
  }

  #each(index: number, change: (member: DispatchMember) => unknown): void {
    const made = this.#members[index];
    if (made !== undefined) change(made);
  }

  #fail(target: Target, how: 'lost' | 'written' | 'late'): void {
    if (how !== 'late') return this.bench.sink.failNext(target, { written: how === 'written' });
    let armed = true;
    this.bench.sink.fault = (topic, records) => {
      if (!armed || topic !== target) return undefined;
      armed = false;
      this.#late.push({ topic, records });
      return new TidemarkError('PUBLISH_FAILED', 'the connection was cut', { retriable: true });
    };
  }

  async #arrive(): Promise<void> {
    const { signal } = new AbortController();
    this.bench.sink.fault = () => undefined;
    for (const { topic, records } of this.#late.splice(0))
      while (
        !(await this.bench.sink.send(topic, records, signal).then(
          () => true,
          () => false,
        ))
      );
  }

  #reroute(to: readonly Target[]): void {
    this.#version += 1;
    this.#route = Object.fromEntries(to.map((target) => [target, this.#route[target] ?? this.#version]));
    this.bench.routes.write(route(this.#version, this.#route));
  }

  async #settle(): Promise<void> {
    await this.#arrive();
    for (const { store } of this.#members) store.resume();
    await this.#give(this.#members[0]);
    if (Object.keys(this.#route).length === 0) this.#reroute(['a']);
    for (let round = 0; round < 4; round += 1) {
      await this.bench.clock.advance(11_000);
      for (const { source } of this.#members) await source.rebalance();
      await quiet();
    }
    for (const { dispatcher } of this.#members) await dispatcher.kill();
  }

  /** Targets of the last route. */
  get routed(): readonly string[] {
    return Object.keys(this.#route);
  }
}

/** `since` of an announcement or a watermark carried on. */
function sinceOf(record: WireRecord): number | undefined {
  const decoded = decodeRecord(record);
  if (decoded.type !== 'control' || decoded.record.control !== 'watermark') return undefined;
  return decoded.record.since ?? undefined;
}

/**
 * What a pod may rely on in one target, under one `since`: a record that it has not seen is never behind one that it has, unless it stood in the
 * table topic before that `since` was announced; and a record that comes again is the very same.
 */
function faultsOf(history: History, topic: string): string[] {
  const faults: string[] = [];
  const { tableTopic } = history;
  let since = -1;
  let floor = 0;
  let seen = new Set<number>();
  for (const record of history.bench.sink.log(topic, 0)) {
    const told = sinceOf(record);
    if (told !== undefined && told > since) {
      since = told;
      floor = history.floors.get(`${topic}@${told}`) ?? 0;
      seen = new Set();
    }
    if (record.src === undefined) continue;
    const { src } = record;
    const original = tableTopic[src];
    if (original?.key !== record.key || original.value !== record.value) faults.push(`${src} is another record`);
    if (!seen.has(src))
      for (let before = floor; before < src; before += 1)
        if (!seen.has(before)) faults.push(`${topic}@${since}: ${src} before ${before}`);
    if (!seen.has(src) && src >= floor && Math.max(-1, ...seen) > src) faults.push(`${topic}@${since}: ${src} is late`);
    seen.add(src);
  }
  for (let src = floor; src < tableTopic.length; src += 1)
    if (history.routed.includes(topic) && !seen.has(src)) faults.push(`${topic}@${since}: ${src} never came`);
  return faults;
}

describe('the order of what a target gets, whatever happens to the dispatchers', () => {
  it('hazards 30, 41, 47, 54: first copies come in order and none is left out; everything else is a repetition', async () => {
    let repetitions = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const history = new History();
        await history.run(steps);
        const logged = targets.flatMap((target) =>
          history.bench.sink.log(target, 0).filter(({ src }) => src !== undefined),
        );
        repetitions += Math.max(0, logged.length - history.tableTopic.length);
        expect(targets.flatMap((target) => faultsOf(history, target))).toEqual([]);
      }),
      { numRuns: runs },
    );
    expect(repetitions).toBeGreaterThan(runs);
  }, 600_000);
});
