import { type Exploration } from './explore.js';

/** Whether the long runs are asked for: `TIDEMARK_TEST_MODEL=long`. */
export const isLong = process.env['TIDEMARK_TEST_MODEL'] === 'long';

/** For random walks; another seed takes others. */
export const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? 1);

/** States that one exploration may see. */
export const statesMax = isLong ? 4_000_000 : 1_000_000;

/** Time that one test may take, ms. */
export const timeoutMs = isLong ? 3_600_000 : 300_000;

/** What a test expects, in one text: `holds`, or what is wrong and how it comes to it. */
export function verdictOf({ problem, trace }: Exploration): string {
  return problem === undefined ? 'holds' : [problem, ...trace].join('\n');
}

/** Adds up what the explorations of one file saw, and prints a line for each. */
export class Report {
  readonly #what: string;
  #states = 0;
  #seconds = 0;

  constructor(what: string) {
    this.#what = what;
  }

  add(name: string, { states, steps, seconds, complete }: Exploration): void {
    this.#states += states;
    this.#seconds += seconds;
    const extent = complete ? 'all' : 'first';
    print(`${this.#what}: ${extent} ${states} states, ${steps} steps, ${seconds.toFixed(1)} s: ${name}`);
  }

  /** The counterexample that taking a safeguard away gives. */
  addRemoval(name: string, exploration: Exploration): void {
    print(`FIGURES: ${this.#what}: a counterexample without safeguard: ${name}\n${verdictOf(exploration)}`);
  }

  end(): void {
    print(`FIGURES: ${this.#what}: ${this.#states} states in ${this.#seconds.toFixed(1)} s of processor time`);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
