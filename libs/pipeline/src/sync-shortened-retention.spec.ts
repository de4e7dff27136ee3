import { afterEach, describe, expect, it } from '@jest/globals';
import { wait } from '@tidemark/runtime';
import { type ShardReader } from './ports.js';
import { allButUnread, covered, readOnly, RetentionWorld, span, throttled, unread } from './testing/retention-world.js';

const first = 'shardId-000000000000';
let world: RetentionWorld;

afterEach(() => world.close());

describe('hazard 36: what left the stream unread, by a retention that was made shorter, is covered by a flush', () => {
  const second = 'shardId-000000000001';
  /** Two workers read two shards; then one shard stands still for hours. */
  async function behind(closesAfter = 0): Promise<void> {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, shards: 2, closesAfter } });
    for (const id of ['a', 'b']) world.worker(id);
    world.write('users', 'k:1');
    await world.clock.advance(20_000);
    world.before = world.flushes;
    world.stream.fault = unread(second);
    world.write('users', 'k:lost', 0.99);
    await world.pass(4, 6);
    expect(world.flushes).toBe(world.before);
  }

  it('where the worker reads on, and looks then', async () => {
    await behind();
    world.stream.fault = () => undefined;
    world.shorten();
    expect(await world.readOn('k:lost', 0.99)).toEqual(covered);
  });

  it('but for nothing where all was read by then, and looked at since', async () => {
    await behind();
    world.stream.fault = () => undefined;
    const kept = world.write('users', 'k:kept', 0.99);
    await world.clock.advance(60_000);
    world.shorten();
    await world.clock.advance(60_000);
    expect([world.eventsOf('users', 'k:kept'), world.flushes]).toEqual([[kept], world.before]);
  });

  it('also where the worker has no shard left as it looks', async () => {
    await behind();
    const worker = world.workers.find(({ workerId }) => workerId === world.leases.row(second)?.owner);
    world.stream.fault = () => undefined;
    world.shorten();
    const read = world.write('users', 'k:read', 0.99);
    for (let ms = 0; ms < 30_000 && world.eventsOf('users', 'k:read').length === 0; ms += 100)
      await world.clock.advance(100);
    expect([world.eventsOf('users', 'k:read'), world.flushes]).toEqual([[read], world.before]);
    const row = world.leases.row(second);
    if (row === undefined) throw new Error('no row');
    // Another one renews it until the worker has looked.
    for (let seconds = 1; seconds < 35; seconds += 1) {
      world.leases.overwrite({ ...row, owner: 'another', counter: row.counter + seconds });
      await world.clock.advance(1_000);
    }
    expect(worker?.health().shards.map(({ owner }) => owner)).not.toContain(worker?.workerId);
    expect(world.flushes - world.before).toBeGreaterThanOrEqual(3);
  });

  it('also where the shard ends before the worker looks at the retention', async () => {
    await behind(1);
    world.stream.split(second);
    await world.clock.advance(31_000);
    world.stream.fault = () => undefined;
    world.shorten();
    expect(await world.readOn('k:lost', 0.99)).toEqual(covered);
    expect(world.leases.row(second)?.checkpoint).toBe('SHARD_END');
  });

  it('also where it was made longer again before the next page, and a look saw either', async () => {
    await behind();
    world.stream.fault = readOnly(second, 1);
    world.shorten();
    await world.clock.advance(40_000);
    world.stream.retentionMs = 168 * span;
    await world.clock.advance(40_000);
    world.stream.fault = () => undefined;
    expect(await world.readOn('k:lost', 0.99)).toEqual(covered);
  });

  it('also where the lease is handed over before the worker looks', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span, shards: 6 } });
    for (const id of ['a', 'b']) world.worker(id);
    await world.clock.advance(60_000);
    world.write('users', 'k:1');
    await world.clock.advance(20_000);
    world.before = world.flushes;
    const moved = 'shardId-000000000003';
    const place = 3.5 / 6;
    world.stream.fault = unread(moved);
    world.write('users', 'k:lost', place);
    await world.pass(4, 6);
    await world.clock.advance(15_000);
    expect([world.leases.row(moved)?.owner, world.flushes]).toEqual(['b', world.before]);
    world.stream.fault = () => undefined;
    world.shorten();
    await world.clock.advance(6_000);
    expect(world.flushes).toBe(world.before);
    world.worker('c');
    await world.clock.advance(8_000);
    expect(world.leases.row(moved)?.owner).toBe('c');
    expect(await world.readOn('k:lost', place)).toEqual(covered);
  });

  it('also where the worker that takes the lease has not looked since', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 168 * span } });
    const worker = world.worker('a');
    let isRefused = false;
    const describe: ShardReader['describe'] = (signal) =>
      isRefused ? Promise.reject(throttled()) : world.stream.describe(signal);
    const reader = world.reading({ describe });
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    const blind = world.worker('b', { reader });
    await world.clock.advance(5_000);
    isRefused = true;
    world.before = world.flushes;
    world.stream.retentionMs = 3 * span;
    await world.clock.advance(5_000);
    expect(world.leases.row(first)).toMatchObject({ owner: 'a', retentionMs: 3 * span });
    await worker.stop();
    await world.clock.advance(5_000);
    expect(world.leases.row(first)).toMatchObject({ owner: 'b', retentionMs: 3 * span });
    await blind.kill();
    world.write('users', 'k:lost');
    await world.pass(4, 3);
    world.stream.retentionMs = 168 * span;
    world.worker('c');
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('also where the page passed over it while the answer of a look was on its way', async () => {
    world = new RetentionWorld({ stream: { retentionMs: 6 * span } });
    let slowMs = 0;
    const describe: ShardReader['describe'] = async (signal) => {
      const answer = await world.stream.describe(signal);
      await wait(world.clock, slowMs, signal);
      return answer;
    };
    world.worker('a', { reader: world.reading({ describe }) });
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    world.before = world.flushes;
    world.stream.fault = unread(first);
    world.write('users', 'k:lost', 0.1);
    await world.pass(4, 6);
    slowMs = 4_000;
    await world.clock.advance(5_500);
    world.stream.fault = () => undefined;
    world.shorten();
    expect(await world.readOn('k:lost')).toEqual(covered);
  });

  it('also where a new row is first written by a worker that has not looked since', async () => {
    const [hour, margin] = [3_600_000, { retentionMarginMs: 3_600_000 }];
    world = new RetentionWorld({ stream: { retentionMs: 168 * hour } });
    const worker = world.worker('a', margin);
    let isRefused = false;
    const describe: ShardReader['describe'] = (signal) =>
      isRefused ? Promise.reject(throttled()) : world.stream.describe(signal);
    world.write('users', 'k:1');
    await world.clock.advance(5_000);
    const blind = world.worker('b', { reader: world.reading({ describe }), ...margin });
    await world.clock.advance(5_000);
    isRefused = true;
    world.stream.retentionMs = 24 * hour;
    await world.clock.advance(5_000);
    world.stream.fault = allButUnread(first);
    world.stream.split(first);
    for (let ms = 0; ms < 5_000 && world.leases.row(first)?.checkpoint !== 'SHARD_END'; ms += 50)
      await world.clock.advance(50);
    await worker.kill();
    await world.clock.advance(20_000);
    world.stream.fault = () => undefined;
    await world.clock.advance(20_000);
    expect(world.leases.row(second)).toMatchObject({ owner: 'b', retentionMs: 24 * hour });
    await blind.kill();
    world.before = world.flushes;
    world.write('users', 'k:lost', 0.1);
    await world.clock.advance(30 * hour);
    world.stream.trim(world.clock.now() - 24 * hour);
    world.stream.retentionMs = 168 * hour;
    world.worker('c', margin);
    expect(await world.readOn('k:lost')).toEqual(covered);
  });
});
