import { World } from './coherence-world.js';
import { type WorldOptions } from './world-options.js';

export interface Finding {
  readonly problem: string;
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly finding: Finding | undefined;
  readonly states: number;
  /** Whether every state was seen. */
  readonly complete: boolean;
}

/**
 * Visits every state that the options allow, nearest first, until something is wrong or `statesMax` were seen. A world cannot be copied,
 * since what it drives hides its state, so each one is made again by its moves.
 */
export function exploreAll(options: WorldOptions, statesMax: number): Exploration {
  const seen = new Set<string>([new World(options).fingerprint()]);
  const paths: (readonly number[])[] = [[]];
  for (let next = 0; next < paths.length; next += 1) {
    const path = paths[next] ?? [];
    const choices = replay(options, path).world.moves().length;
    for (let choice = 0; choice < choices; choice += 1) {
      const { world, trace, problem } = replay(options, [...path, choice]);
      if (problem !== undefined) return { finding: { problem, trace }, states: seen.size, complete: false };
      const fingerprint = world.fingerprint();
      if (seen.has(fingerprint)) continue;
      seen.add(fingerprint);
      paths.push([...path, choice]);
      if (seen.size >= statesMax) return { finding: undefined, states: seen.size, complete: false };
    }
  }
  return { finding: undefined, states: seen.size, complete: true };
}

/** `walks` walks of random moves, each to its end. The same seed gives the same walks. */
export function exploreAtRandom(options: WorldOptions, walks: number, seed: number): Exploration {
  const random = randomOf(seed);
  let states = 0;
  for (let walk = 0; walk < walks; walk += 1) {
    const world = new World(options);
    const trace: string[] = [];
    for (let moves = world.moves(); moves.length > 0; moves = world.moves()) {
      const move = moves[Math.floor(random() * moves.length)];
      if (move === undefined) break;
      trace.push(move.name);
      states += 1;
      const problem = world.make(move);
      if (problem !== undefined) return { finding: { problem, trace }, states, complete: false };
    }
  }
  return { finding: undefined, states, complete: false };
}

function replay(
  options: WorldOptions,
  path: readonly number[],
): { readonly world: World; readonly trace: readonly string[]; readonly problem: string | undefined } {
  const world = new World(options);
  const trace: string[] = [];
  let problem: string | undefined;
  for (const choice of path) {
    const move = world.moves()[choice];
    if (move === undefined) break;
    trace.push(move.name);
    problem = world.make(move);
  }
  return { world, trace, problem };
}

/** Uniform in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
