import { decodeRecord, type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import fc from 'fast-check';

import { type OutgoingRecord } from '../src/ports.js';
import {
  DispatchBench,
  type DispatchMember,
  event,
  names,
  quiet,
  route,
  watermark,
} from '../src/testing/dispatch-bench.js';

export const targets = ['a', 'b'] as const;
type Target = (typeof targets)[number];

type MemberStep =
  | { readonly type: 'take' | 'rebalance' | 'kill' | 'join'; readonly member: number }
  | { readonly type: 'lag'; readonly member: number; readonly on: boolean };

export type Step =
  | MemberStep
  | { readonly type: 'append'; readonly count: number; readonly watermark: boolean }
  | { readonly type: 'lose-commits'; readonly on: boolean }
  | { readonly type: 'fail'; readonly target: Target; readonly how: 'lost' | 'written' | 'late' }
  | { readonly type: 'arrive' }
  | { readonly type: 'route'; readonly to: readonly Target[] }
  | { readonly type: 'wait'; readonly ms: number };

const member = fc.nat(2);
const target = fc.constantFrom(...targets);
const just = <T extends string>(...types: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...types);
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: just('append'), count: fc.integer({ min: 1, max: 5 }), watermark: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ type: just('take'), member }) },
  { weight: 3, arbitrary: fc.record({ type: just('rebalance', 'kill', 'join'), member }) },
  { weight: 1, arbitrary: fc.record({ type: just('lose-commits'), on: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ type: just('lag'), member, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: just('fail'), target, how: just('lost', 'written', 'late') }) },
  { weight: 1, arbitrary: fc.record({ type: just('arrive') }) },
  { weight: 3, arbitrary: fc.record({ type: just('route'), to: fc.subarray([...targets]) }) },
  { weight: 2, arbitrary: fc.record({ type: just('wait'), ms: fc.constantFrom(50, 1_000, 11_000) }) },
);

/**
 * One partition of one table, up to three dispatchers, and everything that may happen to them. One owns the partition; those that had it before may not
 * have heard of that yet, and go on until their commit is refused.
 */
export class DispatchHistory {
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
    await this.#join();
    for (const one of steps) {
      await this.#take(one);
      await quiet();
    }
    await this.#settle();
  }

  async #take(one: Step): Promise<void> {
    if ('member' in one) return this.#disturb(one);
    switch (one.type) {
      case 'append':
        return this.#append(one.count, one.watermark);
      case 'lose-commits':
        if (this.#owner !== undefined) this.#owner.source.losesCommits = one.on;
        return;
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

  async #disturb(one: MemberStep): Promise<void> {
    const made = this.#members[one.member];
    switch (one.type) {
      case 'take':
        return this.#give(made);
      case 'rebalance':
        return made?.source.rebalance();
      case 'kill':
        return this.#kill(made);
      case 'join':
        return this.#members.length < 3 ? this.#join() : undefined;
      case 'lag':
        return one.on ? made?.store.pause() : made?.store.resume();
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
    made.source.confirms = () => this.#owner === made;
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

  async #kill(made: DispatchMember | undefined): Promise<void> {
    if (made === undefined) return;
    this.#members.splice(this.#members.indexOf(made), 1);
    await made.dispatcher.kill();
    if (this.#members.length === 0) await this.#join();
    if (this.#owner === made) await this.#give(this.#members[0]);
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
    for (let round = 0; round < 3 || (round < 100 && !this.#isDone()); round += 1) {
      await this.bench.clock.advance(11_000);
      await this.#owner?.source.rebalance();
      await quiet();
    }
    for (const { dispatcher } of this.#members) await dispatcher.kill();
  }

  #isDone(): boolean {
    return this.bench.committed('users', 0) === this.tableTopic.length;
  }

  /** Targets of the last route. */
  get routed(): readonly string[] {
    return Object.keys(this.#route);
  }
}

/** `since` of an announcement or a watermark carried on. */
export function sinceOf(record: WireRecord): number | undefined {
  const decoded = decodeRecord(record);
  if (decoded.type !== 'control' || decoded.record.control !== 'watermark') return undefined;
  return decoded.record.since ?? undefined;
}
