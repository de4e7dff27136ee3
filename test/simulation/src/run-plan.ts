import { checkHistory, HistoryRecorder, type Violation } from '@tidemark/cache/testing';
import { faultNamed } from './faults/fault.js';
import { operations } from './plan/operations.js';
import { type Plan, type PlannedFault, type PlannedOperation } from './plan/plan.js';
import { epochMs } from './time/sim-process.js';
import { Random } from './time/random.js';
import { withoutRealTime } from './time/real-time.js';
import { Scheduler } from './time/scheduler.js';
import { Trace, type TraceLine } from './time/trace.js';
import { Counters } from './world/counters.js';
import { type WorldContext } from './world/context.js';
import { World } from './world/world.js';

export interface RunResult {
  readonly plan: Plan;
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

export interface RunOptions {
  readonly keepsLines?: boolean;
}

/** After the faults have ended, everything has to come to rest within this, virtual ms. */
const restWithinMs = 90_000;
/** And is given this much longer, in which nothing may move any more. */
const graceMs = 3_000;

/** Plays a plan to its end, lets everything come to rest, and checks what was recorded. */
export function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  return withoutRealTime(() => new Run(plan, options).play());
}

class Run {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #context: WorldContext;
  readonly #world: World;
  readonly #endings = new Set<() => void>();
  readonly #failures: unknown[] = [];

  constructor(plan: Plan, { keepsLines = false }: RunOptions) {
    this.#plan = plan;
    const scheduler = new Scheduler(plan.seed);
    this.#scheduler = scheduler;
    this.#context = {
      ...{ config: plan.world, scheduler, random: new Random(plan.seed, 'world'), counters: new Counters() },
      trace: new Trace(() => scheduler.nowMs, keepsLines),
      recorder: new HistoryRecorder(() => epochMs + scheduler.nowMs),
    };
    this.#world = new World(this.#context);
  }

  async play(): Promise<RunResult> {
    const { plan } = { plan: this.#plan };
    this.#world.start();
    for (const operation of plan.operations) this.#scheduler.at(operation.atMs, () => this.#begin(operation));
    for (const fault of plan.faults) this.#scheduler.at(fault.atMs, () => this.#befall(fault));
    await this.#scheduler.run(plan.endMs);
    const stuck = await this.#comeToRest();
    await this.#look();
    if (this.#failures.length > 0) throw this.#failures[0];
    return this.#result(stuck);
  }

  #begin({ name, pod, keys }: PlannedOperation): void {
    const slot = this.#world.pod(pod);
    const { counters } = this.#context;
    if (slot.live === undefined) return counters.add('operation: pod is down');
    const { live } = slot;
    live.process.post(() => {
      counters.add(`operation: ${name}`);
      this.#perform(operations[name].run(live, keys, { ...this.#context, table: this.#world.table }));
    });
  }

  #perform(operation: Promise<void>): void {
    operation.catch((error: unknown) => this.#failures.push(error));
  }

  #befall(fault: PlannedFault): void {
    const { counters, trace, random } = this.#context;
    const end = faultNamed(fault.name).begin(this.#world, fault, random.fork(`fault ${fault.id}`));
    if (end === false) return counters.add(`no chance for: ${fault.name}`);
    counters.add(`fault: ${fault.name}`);
    const span = fault.durationMs > 0 ? ` for ${Math.round(fault.durationMs)} ms` : '';
    trace.note(fault.target, `FAULT ${fault.name}${span}`, 'story');
    const ending = (): void => {
      this.#endings.delete(ending);
      trace.note(fault.target, `FAULT ${fault.name} is over`, 'story');
      end();
    };
    this.#endings.add(ending);
    if (fault.durationMs === 0) this.#endings.delete(ending);
    if (fault.durationMs > 0)
      this.#scheduler.after(fault.durationMs, () => {
        if (this.#endings.has(ending)) ending();
      });
  }

  /** What keeps it from coming to rest in time, or `undefined`. */
  async #comeToRest(): Promise<string | undefined> {
    this.#context.trace.note('everything', 'the faults end', 'story');
    for (const ending of [...this.#endings]) ending();
    this.#world.heal();
    const endMs = this.#scheduler.nowMs + restWithinMs;
    await this.#scheduler.run(this.#scheduler.nowMs + 1_000);
    while (this.#world.unrest !== undefined && this.#scheduler.nowMs < endMs)
      await this.#scheduler.run(this.#scheduler.nowMs + 500);
    const { unrest } = this.#world;
    if (unrest === undefined) await this.#scheduler.run(this.#scheduler.nowMs + graceMs);
    return unrest;
  }

  /** Notes what every L1 holds, what every pod then serves, and what L1 holds after that. */
  async #look(): Promise<void> {
    const { recorder, trace } = this.#context;
    trace.note('everything', 'is at rest', 'story');
    recorder.quiet();
    this.#noteRests();
    for (const { live } of this.#world.pods)
      live?.process.post(() => {
        for (const key of this.#world.keys)
          this.#perform(operations.get.run(live, [key], { ...this.#context, table: this.#world.table }));
      });
    await this.#scheduler.run(this.#scheduler.nowMs + 2_000);
    this.#noteRests();
  }

  #noteRests(): void {
    for (const { live } of this.#world.pods) {
      if (live === undefined) continue;
      for (const key of this.#world.keys) {
        const { state } = live.cache.inspect(key);
        const held = state === 'none' ? undefined : { value: live.cache.getIfPresent(key) ?? null };
        this.#context.recorder.rest(live.life, key, held);
      }
    }
  }

  #result(stuck: string | undefined): RunResult {
    const { recorder, counters, trace, config } = this.#context;
    const violations = [...checkHistory(recorder.history(), { skewMs: config.clockErrorMs })];
    if (stuck !== undefined) violations.unshift(standstill(stuck));
    return {
      ...{ plan: this.#plan, violations, digest: trace.digest, lines: trace.lines, counts: counters.all },
      ...{ happened: this.#scheduler.happened, virtualMs: this.#scheduler.nowMs },
    };
  }
}

function standstill(why: string): Violation {
  return { invariant: 'I1', key: '', pod: null, what: `nothing comes to rest: ${why}`, involved: [] };
}
