import { type StoreCall } from '@tidemark/cache';
import { type Attributes } from '@tidemark/protocol';
import { changeBytes, type ItemChange } from '../aws/change-bytes.js';
import { Replica, type ReplicatedWrite } from '../aws/replica.js';
import { type SimStream } from '../aws/sim-stream.js';
import { epochMs } from '../time/sim-process.js';
import { type Random } from '../time/random.js';
import { type WorldContext } from './context.js';
import { keyOfItem, otherRegion, type RegionName, regionNames, table } from './names.js';

/** What befalls change records, and replication, of one region. */
export interface CaptureTrouble {
  /** Share of change records that take up to `lateMs` longer, and overtake each other. */
  lateShare: number;
  lateMs: number;
  duplicateShare: number;
  /** Replication into the region is held until then, ms. */
  replicationHeldUntilMs: number;
}

/** A global table of two replicas, each with its stream: what is written in one region reaches the other, and the later write stays. */
export class GlobalTable {
  readonly trouble: Readonly<Record<RegionName, CaptureTrouble>> = { us: noTrouble(), eu: noTrouble() };
  readonly #context: WorldContext;
  readonly #streams: Readonly<Record<RegionName, SimStream>>;
  readonly #random: Random;
  readonly #replicas: Readonly<Record<RegionName, Replica>>;
  /** When the last change record of a key was due at its stream. */
  readonly #dueMs = new Map<string, number>();
  /** Order of the newest change of a key that its stream has accepted. */
  readonly #accepted = new Map<string, number>();
  readonly #authors = new WeakMap<AbortSignal, string>();
  #author: string | undefined;
  #changes = 0;
  #underWay = 0;
  #lastAcceptedMs = 0;

  constructor(context: WorldContext, streams: Readonly<Record<RegionName, SimStream>>) {
    this.#context = context;
    this.#streams = streams;
    this.#random = context.random.fork('table');
    this.#replicas = { us: this.#replica('us'), eu: this.#replica('eu') };
  }

  replica(region: RegionName): Replica {
    return this.#replicas[region];
  }

  /** Changes that have not reached their stream, and writes that have not reached the other region. */
  get underWay(): number {
    return this.#underWay;
  }

  /** When a stream accepted the last change record, ms. */
  get lastAcceptedMs(): number {
    return this.#lastAcceptedMs;
  }

  /** Writes that carry `signal` are `write`'s. */
  claim(signal: AbortSignal, write: string): void {
    this.#authors.set(signal, write);
  }

  /** Runs what a call does to the items on behalf of the write that made the call. */
  attribute<T>(call: StoreCall, effect: () => T): T {
    this.#author = call.signal === undefined ? undefined : this.#authors.get(call.signal);
    try {
      return effect();
    } finally {
      this.#author = undefined;
    }
  }

  noteEmptyDelete(region: RegionName, itemKey: string): void {
    this.#context.recorder.transition(region, keyOfItem(itemKey), null, this.#author);
  }

  /** Whether both replicas hold the same. */
  agreesOn(itemKey: string): boolean {
    const [us, eu] = regionNames.map((region) => JSON.stringify(this.replica(region).items.item(itemKey)));
    return us === eu;
  }

  #replica(region: RegionName): Replica {
    const { scheduler, config } = this.#context;
    const errorMs = this.#random.between(-config.clockErrorMs, config.clockErrorMs);
    return new Replica({
      table,
      region,
      nowUs: () => (epochMs + scheduler.nowMs + errorMs) * 1_000,
      stampErrorUs: () => this.#random.between(-config.stampErrorMs, config.stampErrorMs) * 1_000,
      onChange: (change) => this.#onChange(region, change),
      onLocalWrite: (write) => this.#replicate(region, write),
    });
  }

  #onChange(region: RegionName, change: ItemChange): void {
    const { recorder, trace } = this.#context;
    const key = keyOfItem(change.itemKey);
    const value = valueOf(change.item);
    const byDeletion = value === null ? this.#author : undefined;
    const transition = recorder.transition(region, key, value, byDeletion);
    this.#changes += 1;
    const captured = { order: this.#changes, change, accepted: () => transition.accepted() };
    trace.note(`${region}/table`, `${key} is ${describe(change.item)}`, 'story', key);
    this.#capture(region, captured);
    if (this.#random.chance(this.trouble[region].duplicateShare)) {
      this.#context.counters.add('change record twice');
      this.#capture(region, captured);
    }
  }

  /** On its way to the stream: in the order of the changes of a key, but for those that are late. */
  #capture(region: RegionName, captured: CapturedChange): void {
    const { scheduler, config } = this.#context;
    const { lateShare, lateMs } = this.trouble[region];
    const place = `${region}/${captured.change.itemKey}`;
    const isLate = this.#random.chance(lateShare);
    let dueMs = scheduler.nowMs + config.captureMs * this.#random.between(0.3, 2);
    if (isLate) dueMs += this.#random.between(0, lateMs);
    else {
      dueMs = Math.max(dueMs, (this.#dueMs.get(place) ?? 0) + 0.01);
      this.#dueMs.set(place, dueMs);
    }
    this.#underWay += 1;
    scheduler.at(dueMs, () => this.#accept(region, place, captured));
  }

  #accept(region: RegionName, place: string, { order, change, accepted }: CapturedChange): void {
    const { scheduler, trace, counters } = this.#context;
    this.#underWay -= 1;
    this.#lastAcceptedMs = scheduler.nowMs;
    const before = this.#accepted.get(place) ?? 0;
    if (order < before) counters.add('change records reordered');
    this.#accepted.set(place, Math.max(before, order));
    const shardId = this.#streams[region].put(change.itemKey, changeBytes(change));
    accepted();
    const key = keyOfItem(change.itemKey);
    const what = `accepts the change of ${key} to ${describe(change.item)} in shard ${Number(shardId.slice(-12))}`;
    trace.note(`${region}/stream`, what, 'story', key);
  }

  #replicate(from: RegionName, write: ReplicatedWrite): void {
    const { scheduler, config } = this.#context;
    const to = otherRegion(from);
    const delayMs = config.replicationMs * this.#random.between(0.3, 2.5);
    const heldMs = Math.max(0, this.trouble[to].replicationHeldUntilMs - scheduler.nowMs);
    this.#underWay += 1;
    scheduler.after(delayMs + heldMs, () => {
      this.#underWay -= 1;
      if (this.replica(to).replicate(write)) return;
      this.#context.counters.add('replicated write lost to a later one');
      const key = keyOfItem(write.itemKey);
      this.#context.trace.note(
        `${to}/table`,
        `${key}: ${describe(write.item)} of ${from} lost to a later write`,
        'story',
        key,
      );
    });
  }
}

interface CapturedChange {
  readonly order: number;
  readonly change: ItemChange;
  readonly accepted: () => void;
}

function noTrouble(): CaptureTrouble {
  return { lateShare: 0, lateMs: 0, duplicateShare: 0, replicationHeldUntilMs: 0 };
}

/** The unique value that an item holds. */
export function valueOf(item: Attributes | undefined): string | null {
  const text = (item?.['value'] as { readonly S?: string } | undefined)?.S;
  return text === undefined ? null : (JSON.parse(text) as string);
}

function describe(item: Attributes | undefined): string {
  if (item === undefined) return 'gone';
  const { writeId, leaseId } = item as Readonly<Record<string, { readonly S?: string } | undefined>>;
  const notes = [writeId === undefined ? ['no write id'] : [], leaseId === undefined ? [] : ['leased']].flat();
  return `${valueOf(item) ?? 'without a value'}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
