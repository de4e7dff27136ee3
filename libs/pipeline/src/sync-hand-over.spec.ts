import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry } from '@tidemark/runtime';
import { type ShardLease } from './ports.js';
import { SyncWorld, type SyncWorldOptions } from './testing/sync-world.js';

let world: SyncWorld;

const shards = ['shardId-000000000000', 'shardId-000000000001'] as const;
const shares = [0, 0.5] as const;

function open(options: SyncWorldOptions = {}): SyncWorld {
  world = new SyncWorld({ stream: { shards: 2 }, ...options });
  return world;
}

afterEach(async () => {
  await world.close();
  expect(world.clock.pending).toBe(0);
});

const owners = (): readonly (string | null | undefined)[] => shards.map((id) => world.leases.row(id)?.owner);
const rows = (): readonly ShardLease[] => shards.flatMap((id) => world.leases.row(id) ?? []);
const moved = (): ShardLease | undefined => rows().find(({ owner }) => owner === 'b');

/** A value of a metric without labels, or with these. */
function value(metrics: MetricRegistry, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const series =
    metrics
      .collect()
      .find((family) => family.name === name)
      ?.series.values() ?? [];
  const found = [...series].find((each) => JSON.stringify(each.labels) === JSON.stringify(labels));
  return found !== undefined && 'value' in found ? found.value : 0;
}

describe('a worker that takes its share from one that lives', () => {
  it('gets it handed over: nothing is read twice, and nothing waits for a second', async () => {
    const { clock } = open();
    const [of, to] = [new MetricRegistry(), new MetricRegistry()];
    world.worker('a', { metrics: of });
    await clock.advance(3_000);
    world.worker('b', { metrics: to });
    const written: string[][] = [[], []];
    let mostBehind = 0;
    for (let n = 0; n < 80; n += 1) {
      for (const [at, share] of shares.entries()) written[at]?.push(world.write('users', `k:${at}`, share));
      await clock.advance(100);
      for (const at of shares.keys())
        mostBehind = Math.max(mostBehind, n + 1 - world.eventsOf('users', `k:${at}`).length);
    }
    expect(mostBehind).toBeLessThanOrEqual(8);
    await clock.advance(1_000);
    expect([...owners()].sort()).toEqual(['a', 'b']);
    expect(shares.map((_, at) => world.eventsOf('users', `k:${at}`))).toEqual(written);
    expect(value(of, 'tidemark_sync_leases_handed_over_total')).toBe(1);
    expect(value(of, 'tidemark_sync_leases_lost_total')).toBe(0);
    expect(value(to, 'tidemark_sync_leases_asked_total')).toBe(1);
    expect(value(to, 'tidemark_sync_leases_taken_total', { reason: 'handed-over' })).toBe(1);
  });

  it('does not begin before what the other has in hand is acknowledged', async () => {
    const { clock } = open({ sink: { latencyMs: 0 } });
    world.worker('a', { handOverMs: 3_000 });
    await clock.advance(3_000);
    world.sink.createTopic('tidemark.cdc.users', 3);
    world.sink.down = true;
    const ids = shares.map((share, at) => world.write('users', `k:${at}`, share));
    await clock.advance(500);
    world.worker('b');
    await clock.advance(1_500);
    const asked = moved();
    expect(asked).toMatchObject({ checkpointOwner: 'a', checkpoint: 'TRIM_HORIZON' });
    await clock.advance(1_000);
    expect(moved()).toEqual(asked);
    world.sink.down = false;
    await clock.advance(2_500);
    expect(moved()?.checkpointOwner).toBeUndefined();
    expect(shares.map((_, at) => world.eventsOf('users', `k:${at}`))).toEqual(ids.map((id) => [id]));
  });

  it('reads again what the other could not have acknowledged in time', async () => {
    const { clock } = open();
    world.worker('a', { handOverMs: 2_000 });
    await clock.advance(3_000);
    world.sink.down = true;
    const ids = shares.map((share, at) => world.write('users', `k:${at}`, share));
    await clock.advance(500);
    world.worker('b');
    await clock.advance(4_500);
    expect(moved()).toMatchObject({ checkpoint: 'TRIM_HORIZON' });
    expect(moved()?.checkpointOwner).toBeUndefined();
    world.sink.down = false;
    await clock.advance(10_000);
    for (const [at, id] of ids.entries()) expect(new Set(world.eventsOf('users', `k:${at}`))).toEqual(new Set([id]));
  });

  it('takes it by itself when the other is dead, as soon as the lease is expired', async () => {
    const { clock } = open();
    const dead = world.worker('a', { failoverMs: 10_000 });
    await clock.advance(3_000);
    await dead.kill();
    const metrics = new MetricRegistry();
    world.worker('b', { metrics });
    await clock.advance(1_600);
    expect(moved()).toMatchObject({ checkpointOwner: 'a' });
    await clock.advance(8_000);
    expect(moved()).toMatchObject({ checkpointOwner: 'a' });
    await clock.advance(3_000);
    expect(owners()).toEqual(['b', 'b']);
    expect(rows().map(({ checkpointOwner }) => checkpointOwner)).toEqual([undefined, undefined]);
    expect(value(metrics, 'tidemark_sync_leases_taken_total', { reason: 'expired' })).toBe(2);
    const id = world.write('users', 'k:1');
    await clock.advance(1_000);
    expect(world.eventsOf('users', 'k:1')).toEqual([id]);
  });

  it('leaves what it has asked for to others when it dies itself', async () => {
    const { clock } = open();
    world.worker('a');
    await clock.advance(3_000);
    world.sink.down = true;
    world.write('users', 'k:0', 0);
    world.write('users', 'k:1', 0.5);
    await clock.advance(500);
    const asking = world.worker('b');
    await clock.advance(1_600);
    expect(moved()).toMatchObject({ checkpointOwner: 'a' });
    await asking.kill();
    world.sink.down = false;
    await clock.advance(16_000);
    expect(owners()).toEqual(['a', 'a']);
    expect(rows().map(({ checkpoint }) => checkpoint)).toEqual(['1', '2']);
  });

  it('is told from one that is started anew under its id, and takes its own leases back', async () => {
    const { clock } = open();
    const dead = world.worker('a');
    await clock.advance(3_000);
    await dead.kill();
    const metrics = new MetricRegistry();
    world.worker('a', { metrics });
    await clock.advance(3_000);
    expect(owners()).toEqual(['a', 'a']);
    expect(value(metrics, 'tidemark_sync_leases_taken_total', { reason: 'regained' })).toBe(2);
    expect(value(metrics, 'tidemark_sync_leases_taken_total', { reason: 'handed-over' })).toBe(0);
  });

  it('gets it from one that stops in the middle of it', async () => {
    const { clock } = open();
    const leaving = world.worker('a');
    await clock.advance(3_000);
    world.sink.down = true;
    for (const [at, share] of shares.entries()) world.write('users', `k:${at}`, share);
    await clock.advance(500);
    world.worker('b');
    await clock.advance(1_600);
    expect(moved()).toMatchObject({ checkpointOwner: 'a' });
    const stopped = leaving.stop(500);
    await clock.advance(2_000);
    await stopped;
    await clock.advance(2_000);
    expect(owners()).toEqual(['b', 'b']);
    world.sink.down = false;
  });
});

describe('beside a worker of a release that knows of no hand-over', () => {
  const { signal } = new AbortController();

  it('hazard 33: takes what it has asked for after the time of a fail-over, since nobody hands it over', async () => {
    const { clock, leases } = open();
    world.worker('b', { failoverMs: 10_000, shardsMax: 1 });
    await clock.advance(1_500);
    const row = rows().find(({ owner }) => owner === null);
    if (row === undefined) throw new Error('no free row');
    const old = await leases.take(row, 'old', signal);
    if (old === undefined) throw new Error('not taken');
    const asked = await leases.ask(old, 'c', signal);
    if (asked === undefined) throw new Error('not asked');
    world.worker('c', { failoverMs: 10_000 });
    await clock.advance(9_500);
    expect(leases.row(row.shardId)).toEqual(asked);
    await clock.advance(2_500);
    expect(leases.row(row.shardId)?.owner).toBe('c');
    expect(leases.row(row.shardId)?.checkpointOwner).toBeUndefined();
  });

  it('hazard 33: hands nothing over that such a worker has taken meanwhile, and takes it when that is gone', async () => {
    const { clock, leases } = open({ stream: { shards: 1 } });
    const worker = world.worker('a');
    await clock.advance(1_500);
    const row = leases.row(shards[0]);
    if (row === undefined) throw new Error('no row');
    // It writes whole items, and does not take out what it does not know.
    const ownerSwitches = row.ownerSwitches + 1;
    const taken = { ...row, owner: 'old', counter: row.counter + 1, ownerSwitches, checkpointOwner: 'a' };
    leases.overwrite(taken);
    await clock.advance(3_000);
    expect(leases.row(shards[0])).toEqual(taken);
    expect(worker.health().shards.map(({ owner }) => owner)).toEqual(['old']);
    await clock.advance(12_000);
    expect(leases.row(shards[0])?.owner).toBe('a');
    expect(leases.row(shards[0])?.checkpointOwner).toBeUndefined();
  });
});
