import { type StoreCall } from '@tidemark/cache';
import { type Attributes } from '@tidemark/protocol';
import { changeBytes, type ItemChange, type RecordFlaw } from '../aws/change-bytes.js';
import { Replica, type ReplicatedWrite } from '../aws/replica.js';
import { type SimStream } from '../aws/sim-stream.js';
import { epochMs } from '../time/sim-process.js';
import { type MomentRandom } from '../time/random.js';
import { type WorldContext } from './context.js';
import { keyOfItem, otherRegion, type RegionName, regionNames, table } from './names.js';

/** What befalls change records, and replication, of one region. */
export interface CaptureTrouble {
  /** Share of change records that take up to `lateMs` longer, and overtake each other. */
  lateShare: number;
  lateMs: number;
  duplicateShare: number;
  /** Share of change records that cannot be read, and what is wrong with them. */
  flawedShare: number;
  flaw: RecordFlaw;
  /** What the stamps of change records are off by, ms. */
  stampShiftMs: number;
  /** Replication into the region is held until then, ms. */
  replicationHeldUntilMs: number;
}

/** A global table of two replicas, each with its stream: what is written in one region reaches the other, and the later write stays. */
export class GlobalTable {
  readonly trouble: Readonly<Record<RegionName, CaptureTrouble>> = { us: noTrouble(), eu: noTrouble() };
  readonly #context: WorldContext;
  readonly #streams: Readonly<Record<RegionName, SimStream>>;
  readonly #random: MomentRandom;
  readonly #replicas: Readonly<Record<RegionName, Replica>>;
  /** When the last change record of a key was due at its stream. */
  readonly #dueMs = new Map<string, number>();
  /** Order of the newest change of a key that its stream has accepted. */
  readonly #accepted = new Map<string, number>();
  readonly #authors = new WeakMap<AbortSignal, string>();
  /** Change records that are kept back. */
  readonly #held = new Map<RegionName, (() => void)[]>();
  #author: string | undefined;
  #changes = 0;
  #underWay = 0;
  #lastAcceptedMs = 0;

  constructor(context: WorldContext, streams: Readonly<Record<RegionName, SimStream>>) {
    this.#context = context;
    this.#streams = streams;
    this.#random = context.random.moments('table');
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
    const by = this.#author;
    this.#context.recorder.transition({ region, key: keyOfItem(itemKey), value: null, by, version: null });
  }

  /** Whether both replicas hold the same. */
  agreesOn(itemKey: string): boolean {
    const [us, eu] = regionNames.map((region) => JSON.stringify(this.replica(region).items.item(itemKey)));
    return us === eu;
  }

  #draws(what: string): MomentRandom {
    return this.#random.at(what, this.#context.scheduler.nowMs);
  }

  #replica(region: RegionName): Replica {
    const { scheduler, config } = this.#context;
    const errorMs = this.#random.at(`clock of ${region}`, 0).between(-config.clockErrorMs, config.clockErrorMs);
    return new Replica({
      table,
      region,
      nowUs: () => (epochMs + scheduler.nowMs + errorMs) * 1_000,
      stampErrorUs: () => {
        const errorMs = this.#random.at(`clock of ${region}`, 0).between(-config.stampErrorMs, config.stampErrorMs);
        return (errorMs + this.trouble[region].stampShiftMs) * 1_000;
      },
      onChange: (change) => this.#onChange(region, change),
      onLocalWrite: (write) => this.#replicate(region, write),
    });
  }

  #onChange(region: RegionName, change: ItemChange): void {
    const { recorder, trace } = this.#context;
    const key = keyOfItem(change.itemKey);
    const value = valueOf(change.item);
    const by = value === null ? this.#author : undefined;
    const version = textOf(change.item, 'writeId') ?? null;
    const transition = recorder.transition({ region, key, value, by, version, replicated: change.replicated });
    this.#changes += 1;
    const captured = { order: this.#changes, copies: 0, change, accepted: () => transition.accepted() };
    trace.note(`${region}/table`, `${key} is ${describe(change.item)}`, 'story', key);
    this.#capture(region, captured);
    const isTwice = this.#draws(`twice in ${region} ${key}`).chance(this.trouble[region].duplicateShare);
    if (!isTwice) return;
    this.#context.counters.add('change record twice');
    this.#capture(region, captured);
  }

  /** Keeps back the region's change records from now on, in the order of the changes. */
  holdChanges(region: RegionName): HeldChanges {
    const queue: (() => void)[] = [];
    this.#held.set(region, queue);
    const deliver = (index: number): void => {
      const [accept] = queue.splice(index, 1);
      accept?.();
    };
    return {
      deliver,
      release: () => {
        this.#held.delete(region);
        while (queue.length > 0) deliver(0);
      },
    };
  }

  /** Mends what befalls change records and replication. */
  heal(): void {
    for (const region of regionNames) Object.assign(this.trouble[region], noTrouble());
  }

  /** On its way to the stream: in the order of the changes of a key, but for those that are late. */
  #capture(region: RegionName, captured: CapturedChange): void {
    const { scheduler, config } = this.#context;
    const { lateShare, lateMs } = this.trouble[region];
    const place = `${region}/${captured.change.itemKey}`;
    const random = this.#draws(`capture ${place} ${captured.copies}`);
    captured.copies += 1;
    const isLate = random.chance(lateShare);
    let dueMs = scheduler.nowMs + config.captureMs * random.between(0.3, 2);
    if (isLate) dueMs += random.between(0, lateMs);
    else {
      dueMs = Math.max(dueMs, (this.#dueMs.get(place) ?? 0) + 0.01);
      this.#dueMs.set(place, dueMs);
    }
    this.#underWay += 1;
    const accept = (): void => this.#accept(region, place, captured);
    const held = this.#held.get(region);
    if (held === undefined) scheduler.at(dueMs, accept);
    else held.push(accept);
  }

  #accept(region: RegionName, place: string, { order, change, accepted }: CapturedChange): void {
    const { scheduler, trace, counters } = this.#context;
    this.#underWay -= 1;
    this.#lastAcceptedMs = scheduler.nowMs;
    const before = this.#accepted.get(place) ?? 0;
    if (order < before) counters.add('change records reordered');
    this.#accepted.set(place, Math.max(before, order));
    const { flawedShare, flaw } = this.trouble[region];
    const isFlawed = this.#draws(`flaw ${place}`).chance(flawedShare);
    if (isFlawed) counters.add(`change record without ${flaw}`);
    const shardId = this.#streams[region].put(change.itemKey, changeBytes(change, isFlawed ? flaw : undefined));
    accepted();
    const key = keyOfItem(change.itemKey);
    const what = `accepts the change of ${key} to ${describe(change.item)} in shard ${Number(shardId.slice(-12))}`;
    trace.note(`${region}/stream`, what, 'story', key);
  }

  #replicate(from: RegionName, write: ReplicatedWrite): void {
    const { scheduler, config } = this.#context;
    const to = otherRegion(from);
    const delayMs = config.replicationMs * this.#draws(`replicate ${from} ${write.itemKey}`).between(0.3, 2.5);
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

export interface HeldChanges {
  /** Lets the record at `index` of those still kept back reach the stream. */
  readonly deliver: (index: number) => void;
  /** All of them, and keeps back none any more. */
  readonly release: () => void;
}

interface CapturedChange {
  readonly order: number;
  /** On their way, or arrived. */
  copies: number;
  readonly change: ItemChange;
  readonly accepted: () => void;
}

function noTrouble(): CaptureTrouble {
  return {
    ...{ lateShare: 0, lateMs: 0, duplicateShare: 0, replicationHeldUntilMs: 0 },
    ...{ flawedShare: 0, flaw: 'image', stampShiftMs: 0 },
  };
}

/** The unique value that an item holds. */
export function valueOf(item: Attributes | undefined): string | null {
  const text = textOf(item, 'value');
  return text === undefined ? null : (JSON.parse(text) as string);
}

function textOf(item: Attributes | undefined, name: string): string | undefined {
  return (item?.[name] as { readonly S?: string } | undefined)?.S;
}

function describe(item: Attributes | undefined): string {
  if (item === undefined) return 'gone';
  const { writeId, leaseId } = item as Readonly<Record<string, { readonly S?: string } | undefined>>;
  const notes = [writeId === undefined ? ['no write id'] : [], leaseId === undefined ? [] : ['leased']].flat();
  return `${valueOf(item) ?? 'without a value'}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}
