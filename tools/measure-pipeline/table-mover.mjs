// One table, moved by the admin API of an admin that may die at any moment of it.
import { until, wait } from './wait.mjs';

const againMs = 200;
const askedMs = 120_000;
/** A move takes 60 s at most, and 17 more where its admin died. */
const endedMs = 120_000;
const followedMs = 30_000;

/** @typedef {'completed' | 'rolled back'} Ending */
/** @typedef {{ readonly version: number, readonly topics: readonly string[], readonly move: { readonly to: string } | null }} RouteNow */

/** Asks again whatever comes between, as an operator does who reads the route first. */
export class TableMover {
  #world;
  #path;
  #watch;
  #pods;
  #skipsReports;

  /** @param {{ readonly world: import('./world.mjs').World, readonly table: string, readonly watch: import('./route-watch.mjs').RouteWatch, readonly pods: number, readonly skipsReports: boolean }} options `skipsReports`: the topic is given up as soon as the new one is added, by hand */
  constructor({ world, table, watch, pods, skipsReports }) {
    this.#world = world;
    this.#path = `/api/v1/routes/${table}`;
    this.#watch = watch;
    this.#pods = pods;
    this.#skipsReports = skipsReports;
  }

  /** Resolves when the table is on its way to `to`, or there. @param {string} to */
  async ask(to) {
    await until(
      `a move to ${to} is accepted`,
      async () => {
        const { version, topics, move } = await this.#route();
        if (move?.to === to || (topics.length === 1 && topics[0] === to)) return true;
        const answer = await this.#change('PUT', '/move', version, { to });
        await wait(againMs);
        return answer?.status === 200;
      },
      askedMs,
    );
    if (this.#skipsReports) await this.#giveUp(to);
  }

  /** Resolves when it was taken back, or has ended before. */
  async rollBack() {
    await until(
      'a move is rolled back',
      async () => {
        const { version, move } = await this.#route();
        if (move === null) return true;
        await this.#change('DELETE', '/move', version);
        await wait(againMs);
        return false;
      },
      askedMs,
    );
  }

  /** Resolves when no move is under way. @param {string} from @param {string} to @returns {Promise<Ending>} */
  async ended(from, to) {
    /** @type {readonly string[]} */
    let at = [];
    await until(
      `the move to ${to} ends`,
      async () => {
        const { topics, move } = await this.#route();
        at = topics;
        return move === null;
      },
      endedMs,
    );
    if (at.length !== 1 || (at[0] !== to && at[0] !== from)) throw new Error(`a move ended with ${at.join(', ')}`);
    return at[0] === to ? 'completed' : 'rolled back';
  }

  /** Resolves to how long it took until every pod said that it follows the topic alone, ms. @param {string} topic */
  followed(topic) {
    return until(`every pod follows ${topic}`, () => this.#watch.followersOf(topic) >= this.#pods, followedMs);
  }

  /** @returns {Promise<RouteNow>} */
  async #route() {
    const answer = await this.#world.ask('admin', 'GET', this.#path);
    if (answer?.status !== 200) throw new Error(`the admin answered ${answer?.status}`);
    return answer.body;
  }

  /** @param {string} to */
  async #giveUp(to) {
    await until(
      'the topic is given up',
      async () => {
        const { version, topics } = await this.#route();
        if (topics.length === 1) return true;
        await this.#change('PUT', '', version, { topics: [to] });
        return false;
      },
      askedMs,
    );
  }

  /** @param {string} method @param {string} path @param {number} version @param {unknown} [body] */
  #change(method, path, version, body) {
    const headers = { 'if-match': `"${version}"`, 'x-tidemark-actor': 'measure' };
    return this.#world.ask('admin', method, `${this.#path}${path}`, { headers, body });
  }
}
