import { systemClock, wait } from '@tidemark/runtime';
import { type Role, roles } from '../plan/step.js';
import { playScenario, type Played } from '../play-scenario.js';
import { machineMs } from '../pod-protocol.js';
import { judge } from '../verdict.js';
import { type ChaosWorld } from '../world/chaos-world.js';
import { healAll } from '../world/do-deed.js';
import { GaugeWatch } from './gauge-watch.js';
import { type SoakRound, soakRounds } from './soak-plan.js';
import { type SoakSeries } from './soak-verdict.js';

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Hears of every round as it ends. */
  readonly onRound: (round: PlayedRound) => void;
  /** Is handed every series so far, as often as there is a sample. */
  readonly onSample: (series: SoakSeries) => void;
}

export interface PlayedRound {
  /** The first is 1. */
  readonly number: number;
  readonly name: string;
  readonly seed: number;
  readonly problems: readonly string[];
  /** `undefined`: it could not be played to its end. */
  readonly played: Played | undefined;
}

export interface Soaked {
  readonly rounds: readonly PlayedRound[];
  readonly series: SoakSeries;
}

/** From a fault to the next: the load, the verdict on what it has left, and a rest. */
export const roundMs = 120_000;
const loadMs = 100_000;
const sampleMs = 30_000;
/** A world in which nothing can be played any more is not asked on and on. */
const failuresMax = 3;

/** Plays a fault every two minutes under load and judges each, while every process is asked what it holds. */
export async function playSoak(world: ChaosWorld, options: SoakOptions): Promise<Soaked> {
  const { seed, minutes, onRound, onSample } = options;
  const watch = new GaugeWatch(world, { everyMs: sampleMs, onSample });
  const startMs = machineMs();
  const rounds: PlayedRound[] = [];
  try {
    for (const round of soakRounds(seed, Math.max(1, Math.floor((minutes * 60_000) / roundMs)))) {
      const played = await playRound(world, round, rounds.length + 1);
      rounds.push(played);
      onRound(played);
      if (rounds.slice(-failuresMax).filter((each) => each.played === undefined).length === failuresMax) break;
      await wait(systemClock, Math.max(0, startMs + rounds.length * roundMs - machineMs()));
    }
  } finally {
    await watch.end();
  }
  return { rounds, series: await watch.end() };
}

/** Of each role that was hit, the longest time that it took to work again, ms; `null`: it did not. */
export function longestRecoveries(rounds: readonly PlayedRound[]): Readonly<Partial<Record<Role, number | null>>> {
  const longest: Partial<Record<Role, number | null>> = {};
  for (const { played } of rounds)
    for (const role of roles) {
      const [before, ms] = [longest[role], played?.recoveryMs[role]];
      if (ms !== undefined) longest[role] = ms === null || before === null ? null : Math.max(ms, before ?? 0);
    }
  return longest;
}

async function playRound(world: ChaosWorld, round: SoakRound, number: number): Promise<PlayedRound> {
  const { name, seed, script } = round;
  const scenario = { name, isShort: false, script: () => script };
  try {
    const played = await playScenario(world, scenario, { seed, sameKeys: 'soak', lastsMs: loadMs });
    const problems = judge(played.outcome);
    return { ...{ number, name, seed }, problems: withScript(problems, played.script), played };
  } catch (error) {
    await healAll(world, roles);
    return { ...{ number, name, seed }, problems: [`not played: ${String(error)}`], played: undefined };
  }
}

function withScript(problems: readonly string[], script: readonly string[]): readonly string[] {
  return problems.length === 0 ? [] : [...problems, ...script];
}
