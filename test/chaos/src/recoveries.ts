import { systemClock, wait } from '@tidemark/runtime';
import { type Deed, type Role } from './plan/step.js';
import { machineMs } from './pod-protocol.js';
import { type ChaosWorld } from './world/chaos-world.js';

const lookMs = 50;

/** How long roles take to work again, each from what put it right: its start, the end of its stop, the healing of its link. */
export class Recoveries {
  readonly #world: ChaosWorld;
  readonly #timeoutMs: number;
  readonly #running: Promise<readonly [Role, number | null]>[] = [];

  constructor(world: ChaosWorld, timeoutMs: number) {
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  /** Call after each deed. */
  note(deed: Deed): void {
    if (deed.do === 'start' || deed.do === 'resume') this.#running.push(this.#watch(deed.role));
    if (deed.do === 'heal' || deed.do === 'reset') this.#running.push(this.#watch(deed.link.role));
  }

  /** Resolves when every role has recovered, or had time enough to. */
  async longest(): Promise<Readonly<Partial<Record<Role, number | null>>>> {
    const longest: Partial<Record<Role, number | null>> = {};
    for (const [role, ms] of await Promise.all(this.#running)) {
      const before = longest[role];
      longest[role] = ms === null || before === null ? null : Math.max(ms, before ?? 0);
    }
    return longest;
  }

  /** A role that is hit again before it has recovered takes as long as both. */
  async #watch(role: Role): Promise<readonly [Role, number | null]> {
    const [startMs, rightAt] = [machineMs(), Date.now()];
    while (machineMs() < startMs + this.#timeoutMs) {
      if (await this.#world.isReady(role, rightAt).catch(() => false)) return [role, machineMs() - startMs];
      await wait(systemClock, lookMs);
    }
    return [role, null];
  }
}
