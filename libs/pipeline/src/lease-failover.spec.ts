import { describe, expect, it } from '@jest/globals';
import { chooseLeases, LeaseObserver } from './lease-choice.js';
import { askedLease, handedOverLease, isAsked, newLease, renewedLease, takenLease } from './lease-row.js';
import { type ShardLease } from './ports.js';

const failoverMs = 10_000;
const scanEveryMs = 1_000;
const renewEveryMs = 500;
const shards = 8;
const downMs = 1_000;

interface Member {
  readonly id: string;
  readonly observer: LeaseObserver;
  /** Ms of its first scan, in each second. */
  readonly phaseMs: number;
}

/** Same numbers in [0, 1) for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** Workers that take leases by the shipped decisions; one that is asked hands over with its next renewal. */
class Fleet {
  readonly rows = new Map<string, ShardLease>();
  readonly members: Member[] = [];
  readonly #random: () => number;
  #started = 0;

  constructor(random: () => number) {
    this.#random = random;
    for (let at = 0; at < shards; at += 1) {
      const shardId = `s${at}`;
      this.rows.set(shardId, newLease({ shardId, parents: [], startHash: '0', endHash: '9' }, 'stream'));
    }
  }

  start(): void {
    this.#started += 1;
    const phaseMs = Math.floor(this.#random() * 10) * 100;
    this.members.push({ id: `w${this.#started}`, observer: new LeaseObserver(), phaseMs });
  }

  kill(): void {
    this.members.splice(Math.floor(this.#random() * this.members.length), 1);
  }

  /** Who reads the shard: whoever owns it, or is to hand it over. */
  isRead({ owner, checkpointOwner }: ShardLease): boolean {
    return this.members.some(({ id }) => id === (checkpointOwner ?? owner));
  }

  step(nowMs: number): void {
    for (const member of this.members) {
      if (nowMs % renewEveryMs === 0) this.#renew(member);
      if (nowMs % scanEveryMs === member.phaseMs) this.#scan(member, nowMs);
    }
  }

  #renew({ id }: Member): void {
    for (const [shardId, row] of this.rows) {
      if (row.checkpointOwner === id) this.rows.set(shardId, handedOverLease(row, row.checkpoint, null));
      else if (row.owner === id && !isAsked(row)) this.rows.set(shardId, renewedLease(row, null));
    }
  }

  #scan({ id, observer }: Member, nowMs: number): void {
    const rows = [...this.rows.values()];
    observer.observe(rows, nowMs);
    const held = new Set(rows.filter((row) => (row.checkpointOwner ?? row.owner) === id).map(({ shardId }) => shardId));
    const stillMs = (lease: ShardLease): number => observer.stillMs(lease, nowMs);
    const limits = { failoverMs, scanEveryMs, leasesMax: 100, askedFor: new Set<string>() };
    for (const { lease, reason } of chooseLeases({ rows, workerId: id, held, stillMs, ...limits })) {
      const next = reason === 'asked' ? askedLease(lease, id) : takenLease(lease, id);
      if (next !== null) this.rows.set(lease.shardId, next);
    }
  }
}

/** Times that shards stood still, ms, while one of three workers is killed each `everyMs` and another started after `downMs`. */
function stills(seed: number, everyMs: number, lastsMs: number): number[] {
  const random = numbers(seed);
  const fleet = new Fleet(random);
  for (let at = 0; at < 3; at += 1) fleet.start();
  const unreadSince = new Map<string, number>();
  const found: number[] = [];
  for (let nowMs = 0; nowMs < lastsMs; nowMs += 100) {
    if (nowMs > 0 && nowMs % everyMs === 0) fleet.kill();
    if (nowMs > everyMs && nowMs % everyMs === downMs) fleet.start();
    fleet.step(nowMs);
    for (const [shardId, row] of fleet.rows) {
      const since = unreadSince.get(shardId);
      if (!fleet.isRead(row)) unreadSince.set(shardId, since ?? nowMs);
      else if (since !== undefined) {
        found.push(nowMs - since);
        unreadSince.delete(shardId);
      }
    }
  }
  return found;
}

describe('shards of workers that die', () => {
  it.each([
    ['one at a time', 30_000],
    ['as fast as leases expire', 10_000],
    ['faster than leases expire', 5_000],
  ])('are read again within the time of a fail-over and some scans: %s', (_, everyMs) => {
    const found = Array.from({ length: 20 }, (_, seed) => stills(seed, everyMs, 180_000)).flat();
    expect(found.length).toBeGreaterThan(100);
    expect(Math.max(...found)).toBeLessThanOrEqual(failoverMs + 5 * scanEveryMs);
  });
});
