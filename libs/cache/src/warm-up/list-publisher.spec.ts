import { describe, expect, it } from '@jest/globals';
import { WriteClock } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { eventually, ManualClock, recordingLogger } from '@tidemark/runtime/testing';
import { HotKeys } from '../hot-keys/hot-keys.js';
import { FakeStore } from '../testing/fake-store.js';
import { ListPublisher } from './list-publisher.js';
import { ListStore } from './list-store.js';

const everyMs = 600_000;

/** Pods of a region that share one table. */
class Region {
  readonly clock = new ManualClock();
  readonly store = new FakeStore({ clock: this.clock });
  readonly logger = recordingLogger();
  readonly #name: string;

  constructor(name = 'here') {
    this.#name = name;
  }

  lists(incarnation = '0000000000000001'): ListStore {
    const { clock, store } = this;
    return new ListStore({
      ...{ store, table: 't', cache: 'things', region: this.#name, clock, timeoutMs: 1_000 },
      writeClock: new WriteClock(incarnation, () => clock.now()),
      newLeaseId: () => `lease-${incarnation}-${clock.now()}`,
    });
  }

  pod(number: number, recent: readonly string[] = [`key-${number}`]): { publisher: ListPublisher; read: () => void } {
    const { clock, logger } = this;
    const hotKeys = new HotKeys({ clock, random: () => 0 });
    let reads = 0;
    const publisher = new ListPublisher({
      lists: this.lists(String(number).padStart(16, '0')),
      ...{ cache: 'things', region: this.#name, clock, logger, everyMs },
      random: () => 0.5,
      hotKeys: (max) => hotKeys.report(max),
      l1Keys: (max) => [recent.slice(0, max)],
      reads: () => reads,
    });
    const read = (): void => {
      hotKeys.hit(`hot-${number}`);
      reads += 200;
    };
    return { publisher, read };
  }

  /** Awaits what waits for the clock now and then. */
  async outcome<T>(call: Promise<T>): Promise<T> {
    let settled = false;
    void call.finally(() => (settled = true));
    await eventually('the call to end', async () => {
      await this.clock.advance(10);
      return settled;
    });
    return call;
  }
}

describe('ListPublisher', () => {
  it('publishes what the pod reads, for any pod of any region to see', async () => {
    const region = new Region();
    const { publisher, read } = region.pod(1);
    read();
    expect(await region.outcome(publisher.look())).toBe('published');
    const list = await region.outcome(region.lists().read('here'));
    expect(list?.hot).toMatchObject([{ key: 'hot-1' }]);
    expect(list?.recent).toEqual([{ key: 'key-1', age: 0 }]);
    expect(await region.outcome(region.lists().read('elsewhere'))).toBeUndefined();
  });

  it('leaves a young list alone, and merges into an old one', async () => {
    const region = new Region();
    const [one, two] = [region.pod(1), region.pod(2)];
    one.read();
    two.read();
    expect(await region.outcome(one.publisher.look())).toBe('published');
    expect(await region.outcome(two.publisher.look())).toBe('young');
    await region.clock.advance(everyMs);
    expect(await region.outcome(two.publisher.look())).toBe('published');
    const list = await region.outcome(region.lists().read('here'));
    expect(list?.recent.map(({ key }) => key)).toEqual(['key-2', 'key-1']);
  });

  it('lets one pod at a time write', async () => {
    const region = new Region();
    const pods = [1, 2, 3, 4].map((number) => region.pod(number));
    for (const { read } of pods) read();
    const outcomes = await region.outcome(Promise.all(pods.map(({ publisher }) => publisher.look())));
    expect([...outcomes].sort()).toEqual(['another', 'another', 'another', 'published']);
  });

  it('says nothing for a pod that nobody asks: the list of a region that sleeps stays as it was', async () => {
    const region = new Region();
    const { publisher } = region.pod(1);
    expect(await region.outcome(publisher.look())).toBe('idle');
    expect(region.store.calls).toEqual([]);
  });

  it('writes one list an interval, however many pods there are', async () => {
    const region = new Region();
    const pods = Array.from({ length: 5 }, (_, number) => region.pod(number));
    for (const { publisher } of pods) publisher.start();
    for (let minute = 0; minute < 60; minute += 1) {
      for (const { read } of pods) read();
      for (let step = 0; step < 6; step += 1) {
        await region.clock.advance(10_000);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    for (const { publisher } of pods) await region.outcome(publisher.close());
    const published = pods.reduce((sum, { publisher }) => sum + publisher.published, 0);
    expect(published).toBeGreaterThanOrEqual(3);
    expect(published).toBeLessThanOrEqual(6);
    expect(region.clock.pending).toBe(0);
  });

  it('that is killed while it writes leaves a list, and the next pod goes on', async () => {
    const region = new Region();
    const many = Array.from({ length: 60_000 }, (_, at) => `${(at * 2_654_435_761) % 4_294_967_296}-${at * 7_919}`);
    const [first, killed, next] = [region.pod(1, ['a', 'b']), region.pod(2, many), region.pod(3)];
    for (const { read } of [first, killed, next]) read();
    await region.outcome(first.publisher.look());
    await region.clock.advance(everyMs);
    const look = killed.publisher.look();
    const puts = (): number => region.store.calls.filter(({ operation }) => operation === 'put').length;
    await eventually('the first part of the second list', async () => {
      await region.clock.advance(1);
      return puts() > 2;
    });
    void killed.publisher.close();
    expect(await region.outcome(look)).toBe('ended');
    expect((await region.outcome(region.lists().read('here')))?.at).toBeDefined();
    await region.clock.advance(everyMs / 2);
    expect(await region.outcome(next.publisher.look())).toBe('published');
  });

  it('keeps no process alive by waiting for its next look', async () => {
    const region = new Region();
    const timers: unknown[] = [];
    const setTimer: ManualClock['setTimer'] = region.clock.setTimer.bind(region.clock);
    region.clock.setTimer = (...timer: unknown[]) => {
      timers.push(timer[2]);
      return setTimer(timer[0] as () => void, timer[1] as number);
    };
    const { publisher } = region.pod(1);
    publisher.start();
    await publisher.close();
    expect(timers).toEqual([{ unref: true }]);
  });

  it('gives up where the pod may not write, and warns once', async () => {
    const region = new Region();
    const { publisher, read } = region.pod(1);
    read();
    const error = new TidemarkError('ACCESS_DENIED', 'no', { retriable: false });
    region.store.fault('acquireLease', { type: 'error', error });
    expect(await region.outcome(publisher.look())).toBe('failed');
    expect(await region.outcome(publisher.look())).toBe('ended');
    expect(region.logger.lines.filter(({ level }) => level === 'warn').length).toBe(1);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a header of another kind', { value: { S: '{"parts":1e9}' }, codec: { S: 'hot-keys-1' } }],
    ['a header with attributes of another type', { value: { N: '7' }, codec: { N: '7' } }],
    ['a write id that is none, behind every one that is', { value: { S: 'x' }, writeId: { S: 'zzz' } }],
    ['a write id from far ahead', { value: { S: 'x' }, writeId: { S: `ffff${'0'.repeat(28)}` } }],
  ])('replaces %s', async (_what, spoilt) => {
    const region = new Region();
    const { publisher, read } = region.pod(1);
    read();
    region.store.writeItem('t', { key: { S: '_tidemark:hot-keys:things:here' }, ...spoilt });
    expect(await region.outcome(publisher.look())).toBe('published');
    expect((await region.outcome(region.lists().read('here')))?.recent.length).toBe(1);
  });
});
