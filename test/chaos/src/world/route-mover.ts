import { systemClock, wait } from '@tidemark/runtime';
import { machineMs } from '../pod-protocol.js';

export interface RouteMoverOptions {
  /** Of the API of each admin; any may be away for now, and one alone takes changes. */
  readonly urls: readonly string[];
  readonly table: string;
  /** The table goes to the first, and is moved to the other and back. */
  readonly topics: readonly [string, string];
}

interface RouteNow {
  readonly version: number;
  readonly topics: readonly string[];
  readonly move: { readonly to: string } | null;
  readonly paused: boolean;
  readonly rewind: { readonly to: string } | null;
}

const againMs = 200;
/** A move takes 60 s at most, and 17 more where its admin died. */
const moveMs = 120_000;
const answerMs = 5_000;

/** Changes the table's route as an operator does who asks one admin after the other until one has done it; they end the moves. One at a time, in the background. */
export class RouteMover {
  readonly #options: RouteMoverOptions;
  #running: Promise<void> = Promise.resolve();
  #problems: string[] = [];
  #ended = 0;
  #closed = false;
  #asked = 0;

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

  /** Moves the table to the other topic. */
  move(): void {
    this.#queue(() => this.#move());
  }

  /** Pauses the route, and resumes it after so long. */
  hold(ms: number): void {
    this.#queue(async () => {
      await this.#operate('pause', ({ paused }) => paused);
      await wait(systemClock, ms);
      await this.#operate('resume', ({ paused }) => !paused);
    });
  }

  /** Has what came in the last so many ms sent again. */
  rewind(ms: number): void {
    this.#queue(async () => {
      const to = new Date(Date.now() - ms).toISOString();
      await this.#operate('rewind', ({ rewind }) => rewind?.to === to, { to });
    });
  }

  /** Resolves when nothing is under way: how many changes have ended since the last time, and why others have not. */
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

  /** As soon as the change before has ended. */
  #queue(change: () => Promise<void>): void {
    this.#running = this.#running
      .then(async () => {
        await change();
        this.#ended += 1;
      })
      .catch((error: unknown) => {
        this.#problems.push(String(error));
      });
  }

  /** Asks for it until the route is so. */
  async #operate(operation: string, isSo: (route: RouteNow) => boolean, body?: object): Promise<void> {
    await this.#until(`the route: ${operation}`, async () => {
      const route = await this.#route();
      if (route === undefined) return false;
      if (isSo(route)) return true;
      const sent = { headers: ifMatch(route), ...(body === undefined ? {} : { body }) };
      return (await this.#ask('POST', `/${operation}`, sent))?.status === 200;
    });
  }

  async #move(): Promise<void> {
    const [home, away] = this.#options.topics;
    let to: string | undefined;
    let before = 0;
    await this.#until('a move is accepted', async () => {
      const route = await this.#route();
      if (route === undefined) return false;
      // Its answer was lost: it stands all the same.
      const stands = route.move?.to === to || route.topics.join() === to;
      if (to !== undefined && route.version > before && stands) return true;
      to = route.topics.includes(away) ? home : away;
      before = route.version;
      const answer = await this.#ask('PUT', '/move', { headers: ifMatch(route), body: { to } });
      return answer?.status === 200;
    });
    await this.#until(`the move to ${to} ends there`, async () => {
      const route = await this.#route();
      // An admin that stands by may know of earlier moves alone.
      return route?.move === null && route.topics.join() === to && route.version > before;
    });
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
    const { urls, table } = this.#options;
    const url = urls[this.#asked % urls.length];
    try {
      const response = await fetch(`${url}/api/v1/routes/${table}${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', 'X-Tidemark-Actor': 'chaos', ...sent.headers },
        ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
        signal: AbortSignal.timeout(answerMs),
      });
      if (response.status === 503) this.#asked += 1;
      return { status: response.status, body: await response.json() };
    } catch {
      this.#asked += 1;
      return undefined;
    }
  }
}

function ifMatch({ version }: RouteNow): Record<string, string> {
  return { 'If-Match': `"${version}"` };
}
