import { systemClock, wait } from '@tidemark/runtime';
import { machineMs } from '../pod-protocol.js';

export interface RouteMoverOptions {
  /** Of the admin's API, which may be away for now. */
  readonly url: string;
  readonly table: string;
  /** The table goes to the first, and is moved to the other and back. */
  readonly topics: readonly [string, string];
}

interface RouteNow {
  readonly version: number;
  readonly topics: readonly string[];
  readonly move: { readonly to: string } | null;
}

const againMs = 200;
/** A move takes 60 s at most, and 17 more where its admin died. */
const moveMs = 120_000;
const answerMs = 5_000;

/** Moves the table as an operator does who asks again until the admin has answered; the admin ends the moves. One at a time, in the background. */
export class RouteMover {
  readonly #options: RouteMoverOptions;
  #running: Promise<void> = Promise.resolve();
  #problems: string[] = [];
  #ended = 0;
  #closed = false;

  constructor(options: RouteMoverOptions) {
    this.#options = options;
  }

  /** Writes the route that is not there yet. */
  async create(): Promise<void> {
    const { topics } = this.#options;
    for (const each of [topics, topics.slice(0, 1)])
      await this.#until(`a route to ${each.join(' and ')}`, async () => {
        const route = await this.#route();
        if (route?.topics.join() === [...each].sort().join()) return true;
        const condition = route === undefined ? { 'If-None-Match': '*' } : ifMatch(route);
        await this.#ask('PUT', '', { headers: condition, body: { topics: each } });
        return false;
      });
  }

  /** Begins another move as soon as the one before has ended. */
  move(): void {
    this.#running = this.#running
      .then(() => this.#move())
      .catch((error: unknown) => {
        this.#problems.push(String(error));
      });
  }

  /** Resolves when no move is under way: how many have ended since the last time, and why others have not. */
  async rest(): Promise<{ readonly ended: number; readonly problems: readonly string[] }> {
    await this.#running;
    const [ended, problems] = [this.#ended, this.#problems];
    this.#ended = 0;
    this.#problems = [];
    return { ended, problems };
  }

  /** Nothing goes on. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#running;
  }

  async #move(): Promise<void> {
    const [home, away] = this.#options.topics;
    let to: string | undefined;
    await this.#until('a move is accepted', async () => {
      const route = await this.#route();
      if (route === undefined) return false;
      // Its answer was lost: it stands all the same.
      if (to !== undefined && (route.move?.to === to || route.topics.join() === to)) return true;
      to = route.topics.includes(away) ? home : away;
      const answer = await this.#ask('PUT', '/move', { headers: ifMatch(route), body: { to } });
      return answer?.status === 200;
    });
    await this.#until(`the move to ${to} ends there`, async () => {
      const route = await this.#route();
      return route?.move === null && route.topics.join() === to;
    });
    this.#ended += 1;
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = machineMs() + moveMs;
    while (!(await holds())) {
      if (this.#closed || machineMs() > endMs) throw new Error(`not within ${moveMs / 1_000} s: ${what}`);
      await wait(systemClock, againMs);
    }
  }

  /** `undefined`: there is none, or the admin does not answer. */
  async #route(): Promise<RouteNow | undefined> {
    const answer = await this.#ask('GET', '');
    return answer?.status === 200 ? (answer.body as RouteNow) : undefined;
  }

  async #ask(
    method: string,
    path: string,
    sent: { readonly headers?: Record<string, string>; readonly body?: object } = {},
  ): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
    try {
      const { url, table } = this.#options;
      const response = await fetch(`${url}/api/v1/routes/${table}${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', 'X-Tidemark-Actor': 'chaos', ...sent.headers },
        ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
        signal: AbortSignal.timeout(answerMs),
      });
      return { status: response.status, body: await response.json() };
    } catch {
      return undefined;
    }
  }
}

function ifMatch({ version }: RouteNow): Record<string, string> {
  return { 'If-Match': `"${version}"` };
}
