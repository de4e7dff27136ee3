import { StateSet } from './state-set.js';

/** Hears of a state that can follow, and of the step to it: a verb, and what it is done to. */
export type Visit<State> = (state: State, verb: string, subject?: string | number) => void;

/** Something small that is explored. Its states are values: a step never changes the one it starts from. */
export interface Model<State extends object> {
  readonly initial: State;
  /** Every step that is possible, always in the same order. */
  next(state: State, visit: Visit<State>): void;
  /** What is wrong with a state, if anything. */
  problem(state: State): string | undefined;
  /** What a reader of a trace wants to know of a state. */
  describe(state: State): string;
}

export interface Exploration {
  readonly problem: string | undefined;
  /** A line a step, from the beginning to the problem. */
  readonly trace: readonly string[];
  readonly states: number;
  /** Steps taken, those to states already seen included. */
  readonly steps: number;
  /** Whether every state was seen. */
  readonly complete: boolean;
  /** Of processor time. */
  readonly seconds: number;
}

/** Visits every state that can be reached, nearest first, until something is wrong or `statesMax` were seen. */
export function explore<State extends object>(model: Model<State>, statesMax: number): Exploration {
  const startedAt = process.cpuUsage();
  const seen = new StateSet();
  const tree = new StepTree();
  let steps = 0;
  let problem: string | undefined;
  let nextFrontier: State[] = [];
  let parent = -1;
  let choice = 0;

  const visit: Visit<State> = (state) => {
    choice += 1;
    if (problem !== undefined || !seen.add(state)) return;
    tree.add(parent, choice - 1);
    nextFrontier.push(state);
    problem = model.problem(state);
  };
  const end = (complete: boolean): Exploration => {
    const trace = problem === undefined ? [] : retrace(model, tree.path(seen.size - 1));
    const seconds = secondsSince(startedAt);
    return { problem, trace, states: seen.size, steps, complete, seconds };
  };

  visit(model.initial, 'begin');
  let first = 0;
  while (nextFrontier.length > 0) {
    const frontier = nextFrontier;
    nextFrontier = [];
    for (const [at, state] of frontier.entries()) {
      parent = first + at;
      choice = 0;
      model.next(state, visit);
      steps += choice;
      if (problem !== undefined || seen.size >= statesMax) return end(false);
    }
    first += frontier.length;
  }
  return end(true);
}

/** `walks` walks of random steps, each to its end or to `stepsMax`. The same seed gives the same walks. */
export function walk<State extends object>(
  model: Model<State>,
  { walks, stepsMax = 200, seed }: { readonly walks: number; readonly stepsMax?: number; readonly seed: number },
): Exploration {
  const startedAt = process.cpuUsage();
  const random = randomOf(seed);
  const seen = new StateSet();
  let steps = 0;
  const end = (problem: string | undefined, path: readonly number[]): Exploration => {
    const trace = problem === undefined ? [] : retrace(model, path);
    const seconds = secondsSince(startedAt);
    return { problem, trace, states: seen.size, steps, complete: false, seconds };
  };
  for (let each = 0; each < walks; each += 1) {
    let state = model.initial;
    const path: number[] = [];
    while (path.length < stepsMax) {
      const choices: State[] = [];
      model.next(state, (next) => choices.push(next));
      const choice = Math.floor(random() * choices.length);
      const next = choices[choice];
      if (next === undefined) break;
      state = next;
      path.push(choice);
      steps += 1;
      seen.add(state);
      const problem = model.problem(state);
      if (problem !== undefined) return end(problem, path);
    }
  }
  return end(undefined, []);
}

function secondsSince(startedAt: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(startedAt);
  return (user + system) / 1_000_000;
}

/** The same steps again, told this time. */
function retrace<State extends object>(model: Model<State>, path: readonly number[]): string[] {
  const lines: string[] = [];
  let state = model.initial;
  for (const choice of path) {
    let at = 0;
    let chosen: State | undefined;
    model.next(state, (next, verb, subject) => {
      if (at === choice) {
        chosen = next;
        const step = subject === undefined ? verb : `${verb} ${subject}`;
        lines.push(`${String(lines.length + 1).padStart(2)}. ${step.padEnd(44)} ${model.describe(next)}`.trimEnd());
      }
      at += 1;
    });
    if (chosen === undefined) throw new Error(`step ${lines.length + 1} cannot be taken again`);
    state = chosen;
  }
  return lines;
}

/** From which state, and by which of its steps, each state was first reached. */
class StepTree {
  #parents = new Int32Array(1 << 12);
  #choices = new Uint16Array(1 << 12);
  #size = 0;

  add(parent: number, choice: number): void {
    if (this.#size === this.#parents.length) {
      this.#parents = grown(this.#parents, new Int32Array(2 * this.#size));
      this.#choices = grown(this.#choices, new Uint16Array(2 * this.#size));
    }
    this.#parents[this.#size] = parent;
    this.#choices[this.#size] = choice;
    this.#size += 1;
  }

  /** The steps from the beginning to a state. */
  path(index: number): number[] {
    const path: number[] = [];
    for (let at = index; (this.#parents[at] ?? -1) >= 0; at = this.#parents[at] ?? -1)
      path.push(this.#choices[at] ?? 0);
    return path.reverse();
  }
}

function grown<Numbers extends Int32Array | Uint16Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
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
