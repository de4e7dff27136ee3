import { systemClock, wait } from '@tidemark/runtime';
import { type Deed, type Role } from './plan/step.js';
import { machineMs } from './pod-protocol.js';
import { Unready } from './unready.js';
import { type ChaosWorld } from './world/chaos-world.js';

export interface Recovered {
  /** Of each role that was hit, the longest time until it worked again, ms; `null`: it had time enough, and did not. */
  readonly longestMs: Readonly<Partial<Record<Role, number | null>>>;
  /** Those that did not, each with what it said meanwhile. */
  readonly unready: readonly string[];
}

interface Recovery {
  readonly role: Role;
  readonly ms: number | null;
  readonly said: Unready;
}

const lookMs = 50;

/** How long roles take to work again, each from what put it right: its start, the end of its stop, the healing of its link. */
export class Recoveries {
  readonly #world: Pick<ChaosWorld, 'whyNotReady'>;
  readonly #timeoutMs: number;
  readonly #running: Promise<Recovery>[] = [];

  constructor(world: Pick<ChaosWorld, 'whyNotReady'>, timeoutMs: number) {
    this.#world = world;
    this.#timeoutMs = timeoutMs;
  }

  /** Call after each deed. */
  note(deed: Deed): void {
    if (deed.do === 'start' || deed.do === 'resume') this.#running.push(this.#watch(deed.role));
    if (deed.do === 'heal' || deed.do === 'reset') this.#running.push(this.#watch(deed.link.role));
  }

  /** Resolves when every role has recovered, or had time enough to. */
  async all(): Promise<Recovered> {
    const longestMs: Partial<Record<Role, number | null>> = {};
    const unready: string[] = [];
    for (const { role, ms, said } of await Promise.all(this.#running)) {
      const before = longestMs[role];
      longestMs[role] = ms === null || before === null ? null : Math.max(ms, before ?? 0);
      if (ms === null) unready.push(`${role} for ${Math.round(this.#timeoutMs)} ms: ${said.describe()}`);
    }
    return { longestMs, unready };
  }

  /** A role that is hit again before it has recovered takes as long as both. */
  async #watch(role: Role): Promise<Recovery> {
    const [startMs, rightAt] = [machineMs(), Date.now()];
    const said = new Unready();
    for (;;) {
      const why = await this.#world.whyNotReady(role, rightAt).catch((error: unknown) => String(error));
      const lookedMs = machineMs();
      if (why === undefined) return { role, ms: lookedMs - startMs, said };
      said.note(why, lookedMs - startMs);
      if (lookedMs >= startMs + this.#timeoutMs) return { role, ms: null, said };
      await wait(systemClock, lookMs);
      said.late(machineMs() - lookedMs - lookMs);
    }
  }
}
