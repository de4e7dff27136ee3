import { type Invariant } from '@tidemark/cache/testing';
import { type HeldCalls, type Link } from '../network/link.js';
import { type OperationName } from '../plan/operations.js';
import { type WorldConfig } from '../plan/plan.js';
import { type Outcome, Stage, type StageOptions } from '../stage.js';
import { withoutRealTime } from '../time/real-time.js';
import { type HeldChanges } from '../world/global-table.js';
import { itemKey, type RegionName, regionOf } from '../world/names.js';
import { type ServiceName } from '../world/region.js';

/** A quiet world: one partition, one shard, exact clocks, fast ways, and callers who are patient. */
const calm: WorldConfig = {
  ...{ deletes: null, refresh: false, maxStalenessMs: null, loadTimeoutMs: 10_000 },
  ...{ partitions: 1, shards: 1, mode: 'update', fastLane: false, maxEntries: 1_000, pollMs: 300, closesAfter: 0 },
  ...{ retentionMs: 60_000, replicationMs: 20, captureMs: 10, stampErrorMs: 0, clockErrorMs: 0 },
  ...{ latencyMs: { dynamodb: 2, kafka: 2, kinesis: 2 }, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 },
};

/** Everything is up by then, and nothing has changed, ms. */
export const upMs = 6_000;

/** From a change in the table to the pods that hold its key, ms. */
const untilHeardMs = 1_500;

/** What a script may do, to one key, beside what a stage allows. */
export class Script {
  readonly stage: Stage;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  get world(): Stage['world'] {
    return this.stage.world;
  }

  /** Everything runs, and every pod follows. */
  async up(): Promise<void> {
    this.world.start();
    await this.pass(upMs);
  }

  pass(ms: number): Promise<void> {
    return this.stage.pass(ms);
  }

  /** Until every change so far has reached every pod. */
  heard(): Promise<void> {
    return this.pass(untilHeardMs);
  }

  /** Asks, and gives it the time that it takes when nothing is in the way. */
  async get(pod: string): Promise<void> {
    await this.ask('get', pod);
  }

  async put(pod: string): Promise<void> {
    await this.ask('put', pod);
  }

  async remove(pod: string): Promise<void> {
    await this.ask('delete', pod);
  }

  /** A value that reaches every pod before anything else happens. */
  async settledPut(pod: string): Promise<void> {
    await this.put(pod);
    await this.heard();
  }

  /** The pod forgets the key, as it does when memory runs short. */
  forget(pod: string): void {
    this.world.pod(pod).live?.cache.localDelete(key);
  }

  link(process: string, service: ServiceName): Link {
    const link = this.world.slot(process).link(service);
    if (link === undefined) throw new RangeError(`${process} does not run`);
    return link;
  }

  /** Keeps back what the table answers to the pod's next calls. */
  holdAnswers(pod: string, count = 1): HeldCalls {
    return this.link(pod, 'dynamodb').hold('answer', /things:/, count);
  }

  /** Keeps back what the pod asks of the table next. */
  holdRequests(pod: string, count = 1): HeldCalls {
    return this.link(pod, 'dynamodb').hold('request', /things:/, count);
  }

  holdChanges(region: RegionName): HeldChanges {
    return this.world.table.holdChanges(region);
  }

  /** A writer who knows nothing of Tidemark: `keep` leaves the write id as it is. */
  foreignWrite(region: RegionName, how: 'put' | 'keep'): void {
    const { items } = this.world.table.replica(region);
    const value = { value: { S: JSON.stringify(this.world.context.recorder.freshValue()) }, codec: { S: 'json' } };
    const item = how === 'keep' ? items.item(itemKey(key)) : { key: { S: itemKey(key) } };
    items.writeItem({ ...item, ...value });
  }

  /** Cuts the processes off while `meanwhile` happens. */
  async cutOff(processes: readonly string[], service: ServiceName, meanwhile: () => Promise<void>): Promise<void> {
    const links = processes.map((name) => this.link(name, service));
    for (const link of links) link.cut();
    await meanwhile();
    for (const link of links) link.heal();
  }

  /** Drops all that the pods' topics, or one topic, hold. */
  trim(region: RegionName, topics: readonly string[]): void {
    const { kafka } = this.world.region(region);
    for (const topic of topics) for (const log of kafka.partitions(topic)) log.trim(log.end);
  }

  topics(region: RegionName): readonly string[] {
    return Object.keys(this.world.region(region).route);
  }

  /** The dispatcher that has the table's partition, and the other. */
  dispatchers(region: RegionName): { readonly owner: string; readonly other: string } {
    const local = this.world.dispatchers.filter(({ name }) => regionOf(name) === region);
    const owner = local.find(({ dispatcher }) => (dispatcher?.health().assignedPartitions ?? 0) > 0);
    const other = local.find((each) => each !== owner);
    if (owner === undefined || other === undefined) throw new RangeError('nobody has the partition');
    return { owner: owner.name, other: other.name };
  }

  /** Any other operation. */
  async ask(name: OperationName, pod: string, amount = 0): Promise<void> {
    this.stage.begin(name, pod, [key], amount);
    await this.pass(100);
  }
}

/** The key that scripts are about. */
export const key = 'a';

export interface Scenario {
  /** Name of the planted bug that it lays bare. */
  readonly bug: string;
  /** The promise that it is to be found by; `undefined`: any. */
  readonly breaks?: Invariant;
  readonly world?: Partial<WorldConfig>;
  readonly play: (script: Script) => Promise<void>;
}

/** Plays a script from a world that is up to one that is at rest. */
export function playScenario({ world, play }: Scenario, options: StageOptions = {}): Promise<Outcome> {
  return withoutRealTime(async () => {
    const script = new Script(new Stage(1, { ...calm, ...world }, options));
    await script.up();
    await play(script);
    return script.stage.conclude();
  });
}
