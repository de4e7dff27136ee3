import * as fc from 'fast-check';
import { type SyncWorkerOptions } from '../src/sync-options.js';
import { takenLease } from '../src/lease-row.js';
import { isEnded } from '../src/watermark.js';
import { type CheckedWorld, destinationEveryMs, retentionMarginMs, retentionMs } from './checked-world.js';

/** What may happen to a world. */
export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'put'; readonly share: number }
  | { readonly do: 'reshard'; readonly pick: number; readonly merge: boolean }
  | { readonly do: 'kill' | 'stop'; readonly worker: number }
  | { readonly do: 'steal' | 'lose-row' | 'reset'; readonly pick: number }
  | { readonly do: 'down' | 'stall'; readonly part: Part }
  | { readonly do: 'up' | 'lose-rows' | 'switch-off' | 'switch-on' }
  | { readonly do: 'replace'; readonly sequencesGoOn: boolean };

type Part = 'sink' | 'stream' | 'leases';
const parts: readonly Part[] = ['sink', 'stream', 'leases'];

const wait = (max: number): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max }) });
const pick = (what: 'steal' | 'lose-row' | 'reset'): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(what), pick: fc.nat(20) });

const usual: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 8, arbitrary: wait(1_500) },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('put' as const), share: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reshard' as const), pick: fc.nat(20), merge: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'stop' as const), worker: fc.nat(1) }) },
  { weight: 1, arbitrary: pick('steal') },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('down' as const, 'stall' as const), part: fc.constantFrom(...parts) }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'up' as const }) },
];

const holes: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 1, arbitrary: wait(12_000) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'lose-rows' as const }) },
  { weight: 1, arbitrary: pick('lose-row') },
  { weight: 1, arbitrary: pick('reset') },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), sequencesGoOn: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'switch-off' as const }, { do: 'switch-on' as const }) },
];

/** Writes, splits, merges, crashes, thefts and outages. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.oneof(...usual), { minLength: 20, maxLength: 70 });

/** The same, and records that expire, lease rows that are lost or reset, a stream made anew, a destination that is switched off. */
export const stepsWithHoles: fc.Arbitrary<readonly Step[]> = fc.array(fc.oneof(...usual, ...holes), {
  minLength: 20,
  maxLength: 70,
});

/** Plays a schedule on a checked world with two workers, one of which renews so rarely that it lives on as a zombie for a while. */
export class Schedule {
  readonly #world: CheckedWorld;
  #starts = 0;

  constructor(checked: CheckedWorld) {
    this.#world = checked;
    for (const slot of [0, 1]) this.#start(slot);
  }

  async play(step: Step): Promise<void> {
    const { stream, clock } = this.#world;
    await this.#do(step);
    stream.trim(clock.now() - retentionMs);
  }

  /** Ends every outage and theft, and lets time pass. */
  async settle(ms: number): Promise<void> {
    await this.play({ do: 'up' });
    await this.play({ do: 'switch-on' });
    await this.play({ do: 'wait', ms });
  }

  async #do(step: Step): Promise<void> {
    const world = this.#world;
    switch (step.do) {
      case 'wait':
        return world.clock.advance(step.ms);
      case 'put':
        return world.put(step.share);
      case 'reshard':
        return this.#reshard(step.pick, step.merge);
      case 'kill':
      case 'stop':
        return this.#restart(step.worker, step.do);
      case 'down':
      case 'stall':
        return void (world[step.part][step.do === 'down' ? 'down' : 'stalled'] = true);
      case 'up':
        for (const part of parts) [world[part].down, world[part].stalled] = [false, false];
        return;
      default:
        return this.#openHole(step);
    }
  }

  async #openHole(step: Step): Promise<void> {
    const world = this.#world;
    switch (step.do) {
      case 'switch-off':
        return world.switchOff();
      case 'switch-on':
        return world.switchOn();
      case 'replace':
        return world.stream.replace({ sequencesGoOn: step.sequencesGoOn });
      default:
        return this.#tamper(step);
    }
  }

  /** What somebody else does to the lease table. */
  #tamper(step: Step): void {
    const { leases } = this.#world;
    if (step.do === 'lose-rows') return leases.clear();
    if (step.do !== 'steal' && step.do !== 'lose-row' && step.do !== 'reset') return;
    const row = leases.nth(step.pick);
    if (row === undefined || isEnded(row)) return;
    if (step.do === 'steal') return leases.overwrite(takenLease(row, 'thief'));
    if (step.do === 'lose-row') return leases.lose(row.shardId);
    this.#world.skipIsPossible();
    const { records } = this.#world.stream;
    const checkpoint = step.pick % 3 === 0 || records === 0 ? 'TRIM_HORIZON' : String((step.pick % records) + 1);
    leases.overwrite({ ...row, owner: null, counter: row.counter + 1, checkpoint });
  }

  async #restart(slot: number, how: 'kill' | 'stop'): Promise<void> {
    let isEnding = true;
    const ended = this.#world.workers[slot]?.[how]().finally(() => (isEnding = false));
    // Longer where the lease table does not answer: two calls then run into their deadlines.
    for (let waits = 0; isEnding && waits < 4; waits += 1) await this.#world.clock.advance(8_000);
    await ended;
    this.#start(slot);
  }

  #start(slot: number): void {
    const zombie: Partial<SyncWorkerOptions> = slot === 0 ? { renewEveryMs: 4_000 } : {};
    const short = { retentionMarginMs, destinationEveryMs };
    const worker = this.#world.worker(`worker-${(this.#starts += 1)}`, { ...short, ...zombie });
    this.#world.workers.pop();
    this.#world.workers[slot] = worker;
  }

  #reshard(choice: number, merge: boolean): void {
    const { stream } = this.#world;
    const open = stream.openShards;
    const shardId = open[choice % open.length] ?? '';
    if (!merge) {
      if (open.length < 6) stream.split(shardId);
      return;
    }
    for (const other of open) {
      if (other === shardId) continue;
      try {
        return stream.merge(shardId, other);
      } catch {
        // Not adjacent: try the next.
      }
    }
  }
}
