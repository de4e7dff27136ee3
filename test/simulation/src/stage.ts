import { checkHistory, HistoryRecorder, type Violation } from '@tidemark/cache/testing';
import { faultNamed } from './faults/fault.js';
import { KnownWrites } from './plan/known-writes.js';
import { type OperationContext, operations, type OperationName } from './plan/operations.js';
import { type PlannedFault, type WorldConfig } from './plan/plan.js';
import { epochMs } from './time/sim-process.js';
import { Random } from './time/random.js';
import { Scheduler } from './time/scheduler.js';
import { Trace, type TraceLine } from './time/trace.js';
import { Counters } from './world/counters.js';
import { type WorldContext } from './world/context.js';
import { regionOf } from './world/names.js';
import { World } from './world/world.js';

export interface Outcome {
  readonly violations: readonly Violation[];
  /** Of everything that happened: equal for equal runs. */
  readonly digest: string;
  /** Empty unless asked for. */
  readonly lines: readonly TraceLine[];
  readonly counts: Readonly<Record<string, number>>;
  /** How much happened, and how long it took in virtual time. */
  readonly happened: number;
  readonly virtualMs: number;
}

export interface StageOptions {
  readonly keepsLines?: boolean;
}

/** After the faults have ended, everything has to come to rest within this, virtual ms. */
const restWithinMs = 90_000;
/** And is given this much longer, in which nothing may move any more. */
const graceMs = 3_000;

/** A world, what its callers do, what befalls it, and what is found when it has come to rest. */
export class Stage {
  readonly world: World;
  readonly scheduler: Scheduler;
  readonly #context: WorldContext;
  readonly #endings = new Set<() => void>();
  readonly #failures: unknown[] = [];
  readonly #operationContext: OperationContext;

  constructor(seed: number, config: WorldConfig, { keepsLines = false }: StageOptions = {}) {
    const scheduler = new Scheduler(seed);
    this.scheduler = scheduler;
    this.#context = {
      ...{ config, scheduler, random: new Random(seed, 'world'), counters: new Counters() },
      trace: new Trace(() => scheduler.nowMs, keepsLines),
      recorder: new HistoryRecorder(() => epochMs + scheduler.nowMs),
      lives: new Map(),
    };
    this.world = new World(this.#context);
    const { lives } = this.#context;
    const lifeOf = (podId: string): string => lives.get(podId) ?? podId;
    const { table } = this.world;
    const visibilityInDoubt = (life: string): boolean => this.world.visibilityInDoubt(regionOf(life));
    const knownWrites = new KnownWrites();
    this.#operationContext = { ...this.#context, table, knownWrites, lifeOf, visibilityInDoubt };
  }

  /** Lets time pass, ms. */
  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  /** A caller asks a pod for something; where no pod runs, nobody asks. */
  begin(name: OperationName, pod: string, keys: readonly string[], amount = 0): void {
    const { live } = this.world.pod(pod);
    const { counters } = this.#context;
    if (live === undefined) return counters.add('operation: pod is down');
    live.process.post(() => {
      if (this.world.pod(pod).live !== live) return counters.add('operation: pod is down');
      counters.add(`operation: ${name}`);
      operations[name]
        .run(live, { keys, key: keys[0] ?? '', amount }, this.#operationContext)
        .catch((error: unknown) => this.#failures.push(error));
    });
  }

  befall(fault: PlannedFault): void {
    const { counters, trace, random } = this.#context;
    const end = faultNamed(fault.name).begin(this.world, fault, random.fork(`fault ${fault.id}`));
    if (end === false) return counters.add(`no chance for: ${fault.name}`);
    counters.add(`fault: ${fault.name}`);
    const span = fault.durationMs > 0 ? ` for ${Math.round(fault.durationMs)} ms` : '';
    trace.note(fault.target, `FAULT ${fault.name}${span}`, 'story');
    if (fault.durationMs === 0) return;
    const ending = (): void => {
      if (!this.#endings.delete(ending)) return;
      trace.note(fault.target, `FAULT ${fault.name} is over`, 'story');
      end();
    };
    this.#endings.add(ending);
    this.scheduler.after(fault.durationMs, ending);
  }

  /** Ends every fault, lets everything come to rest, looks at every pod, and checks all that was recorded. */
  async conclude(): Promise<Outcome> {
    const unrest = await this.#comeToRest();
    await this.#look();
    if (this.#failures.length > 0) throw this.#failures[0];
    const { recorder, counters, trace, config } = this.#context;
    const violations = [...checkHistory(recorder.history(), { skewMs: config.clockErrorMs + 1 })];
    violations.unshift(...this.world.problems.map(outOfOrder));
    if (unrest !== undefined) violations.unshift(outOfOrder(`nothing comes to rest: ${unrest}`));
    this.world.end();
    return {
      ...{ violations, digest: trace.digest, lines: trace.lines, counts: counters.all },
      ...{ happened: this.scheduler.happened, virtualMs: this.scheduler.nowMs },
    };
  }

  /** What keeps it from coming to rest in time, or `undefined`. */
  async #comeToRest(): Promise<string | undefined> {
    this.#context.trace.note('everything', 'the faults end', 'story');
    for (const ending of [...this.#endings]) ending();
    this.world.heal();
    const endMs = this.scheduler.nowMs + restWithinMs;
    await this.pass(1_000);
    while (this.world.unrest !== undefined && this.scheduler.nowMs < endMs) await this.pass(500);
    const { unrest } = this.world;
    if (unrest === undefined) await this.pass(graceMs);
    return unrest;
  }

  /** Notes what every L1 holds, what every pod then serves, and what L1 holds after that. */
  async #look(): Promise<void> {
    const { recorder, trace } = this.#context;
    trace.note('everything', 'is at rest', 'story');
    recorder.quiet();
    this.#noteRests();
    for (const { name } of this.world.pods) for (const key of this.world.keys) this.begin('get', name, [key]);
    await this.pass(2_000);
    this.#noteRests();
  }

  #noteRests(): void {
    for (const { live } of this.world.pods) {
      if (live === undefined) continue;
      for (const key of this.world.keys) {
        const { state } = live.cache.inspect(key);
        const value = live.cache.getIfPresent(key);
        // An entry that nothing proves right any more is kept, and not served.
        const isServed = value !== undefined || state === 'absent';
        const held = isServed ? { value: value ?? null } : undefined;
        this.#context.recorder.rest(live.life, key, held);
      }
    }
  }
}

function outOfOrder(what: string): Violation {
  return { invariant: 'I1', key: '', pod: null, what, involved: [] };
}
