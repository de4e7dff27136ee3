import { describe, expect, it } from '@jest/globals';
import { Coherence, type Fence, LruL1, newCacheStats, TableFollower } from './internals.js';
import { randomOf } from './testing/explore.js';
import { KeyLog } from './testing/key-log.js';

/** Topics of a route → since which version. */
type Topics = Readonly<Record<string, number>>;
type Wire = { readonly event: number } | { readonly since: number };

interface Dispatcher {
  route: number;
  position: number;
  readonly announced: Map<string, number>;
}

interface Plan {
  /** The routes that the table has, one after the other. */
  readonly routes: readonly Topics[];
  readonly fault?: 'stale-route-at-assignment' | 'one-since-for-ever';
}

const seed = Number(process.env['TIDEMARK_MODEL_SEED'] ?? 1);

/** One partition of one table, two dispatchers that take turns, and the shipped pod. */
class MovingTable {
  readonly #plan: Plan;
  readonly #log = new KeyLog();
  readonly #topics = new Map<string, Wire[]>();
  readonly #dispatchers: [Dispatcher, Dispatcher];
  readonly #follower = new TableFollower('things', () => undefined);
  readonly #coherence: Coherence;
  readonly #offsets = new Map<string, number>();
  #owner: 0 | 1 = 0;
  #committed = 0;
  #route = 0;
  #podRoute = -1;
  #fill: { readonly fence: Fence; read: number } | undefined;
  #zombieRecords = 1;

  constructor(plan: Plan) {
    this.#plan = plan;
    const dispatcher = (): Dispatcher => ({ route: 0, position: 0, announced: new Map() });
    this.#dispatchers = [dispatcher(), dispatcher()];
    this.#coherence = new Coherence({
      l1: new LruL1({ maxEntries: 4, maxBytes: 100_000 }),
      stats: newCacheStats(),
      mode: 'update',
      partitionOf: (key) => this.#follower.partitionOf(`things:${key}`),
      decode: (event) => Buffer.from(event.value ?? []).toString(),
      sameValue: (a, b) => a === b,
    });
    this.#follower.addCache('things', this.#coherence);
  }

  walk(steps: number, random: () => number): string[] {
    const trace: string[] = [];
    for (let step = 0; step < steps; step += 1) {
      const moves = this.#moves();
      const move = moves[Math.floor(random() * moves.length)];
      if (move === undefined) break;
      trace.push(move[0]);
      move[1]();
    }
    return trace;
  }

  /** Lets everything come to rest; what is wrong then. */
  settle(): string | undefined {
    this.#route = this.#plan.routes.length - 1;
    this.#readRoute();
    const owner = this.#dispatchers[this.#owner];
    owner.route = this.#route;
    while (owner.position < this.#log.last) this.#dispatch(owner);
    for (let round = 0; round < 2; round += 1) {
      this.#announce(owner, true);
      while ([...this.#offsets.keys()].some((topic) => this.#poll(topic)));
    }
    while (this.#fill !== undefined) this.#fillStep();
    const held = this.#coherence.peek('k')?.value;
    if (held !== undefined && held !== this.#log.now.value) return `permanent: holds ${JSON.stringify(held)}`;
    const { target, live, topics } = this.#follower;
    return live && topics.size === 1 && target !== undefined ? undefined : `stuck: follows ${[...topics].join()}`;
  }

  #moves(): [string, () => void][] {
    const owner = this.#dispatchers[this.#owner];
    const zombie = this.#dispatchers[this.#owner === 0 ? 1 : 0];
    const moves: [string, () => void][] = [
      ['rebalance', () => this.#rebalance()],
      ['announce', () => this.#announce(owner, true)],
      ['commit', () => (this.#committed = owner.position)],
      ['owner reads the route', () => (owner.route = this.#route)],
      ['pod reads the route', () => this.#readRoute()],
      [`write #${this.#log.last + 1}`, () => this.#write()],
    ];
    if (this.#route < this.#plan.routes.length - 1)
      moves.push([`route ${JSON.stringify(this.#plan.routes[this.#route + 1])}`, () => (this.#route += 1)]);
    if (owner.position < this.#log.last) moves.push(['dispatch', () => this.#dispatch(owner)]);
    if (this.#zombieRecords > 0 && zombie.position < this.#log.last)
      moves.push(['zombie dispatches', () => this.#zombie(zombie)]);
    for (const topic of this.#offsets.keys()) moves.push([`pod polls ${topic}`, () => this.#poll(topic)]);
    if (this.#fill !== undefined || this.#coherence.peek('k') === undefined)
      moves.push(['fill goes on', () => this.#fillStep()], ['fill goes on', () => this.#fillStep()]);
    return moves;
  }

  #write(): void {
    const rank = this.#log.highestRank + 1;
    this.#log.add({ exists: true, id: this.#log.mint(rank), rank }, true);
  }

  #rebalance(): void {
    this.#owner = this.#owner === 0 ? 1 : 0;
    const owner = this.#dispatchers[this.#owner];
    owner.position = this.#committed;
    owner.announced.clear();
    if (this.#plan.fault !== 'stale-route-at-assignment') owner.route = this.#route;
  }

  #routeOf({ route }: Dispatcher): Topics {
    return this.#plan.routes[route] ?? {};
  }

  /** A watermark goes before the first event under a route, and from time to time. */
  #announce(dispatcher: Dispatcher, again: boolean): void {
    for (const [topic, since] of Object.entries(this.#routeOf(dispatcher))) {
      if (!again && dispatcher.announced.get(topic) === since) continue;
      dispatcher.announced.set(topic, since);
      this.#records(topic).push({ since: this.#plan.fault === 'one-since-for-ever' ? 1 : since });
    }
  }

  #dispatch(dispatcher: Dispatcher): void {
    this.#announce(dispatcher, false);
    dispatcher.position += 1;
    for (const topic of Object.keys(this.#routeOf(dispatcher)))
      this.#records(topic).push({ event: dispatcher.position });
  }

  #zombie(zombie: Dispatcher): void {
    this.#zombieRecords -= 1;
    this.#dispatch(zombie);
  }

  #records(topic: string): Wire[] {
    const records = this.#topics.get(topic) ?? [];
    this.#topics.set(topic, records);
    return records;
  }

  #readRoute(): void {
    if (this.#podRoute === this.#route) return;
    this.#podRoute = this.#route;
    this.#follower.applyRoute({
      ...{ table: 'things', version: this.#route + 1, writerEpoch: 1, topics: this.#plan.routes[this.#route] ?? {} },
      ...{ deleted: false, changedAt: 0, changedBy: 'model' },
    });
    this.#follow();
    this.#follower.setPartitionCount(1);
  }

  /** As the feed does: the position of a new topic is its end, one that stays keeps its own. */
  #follow(): void {
    for (const topic of this.#offsets.keys()) if (!this.#follower.topics.has(topic)) this.#offsets.delete(topic);
    for (const topic of this.#follower.topics)
      if (!this.#offsets.has(topic)) this.#offsets.set(topic, this.#records(topic).length);
  }

  #poll(topic: string): boolean {
    const offset = this.#offsets.get(topic) ?? 0;
    const record = this.#records(topic)[offset];
    if (record === undefined) return false;
    this.#offsets.set(topic, offset + 1);
    if ('since' in record) this.#follower.applyWatermark(topic, 0, offset + 1, record.since);
    else this.#follower.applyEvent(topic, 0, this.#log.eventTo(record.event));
    this.#follow();
    return true;
  }

  #fillStep(): void {
    if (this.#fill === undefined) this.#fill = { fence: this.#coherence.beginFill('k'), read: -1 };
    else if (this.#fill.read < 0) this.#fill.read = this.#log.last;
    else {
      const { value, id } = this.#log.at(this.#fill.read);
      this.#coherence.completeFill(this.#fill.fence, {
        ...{ value, writeId: value === undefined ? null : id, expiresAt: 0, readAt: 1, payloadBytes: 2 },
      });
      this.#fill = undefined;
    }
  }
}

function explore(plan: Plan, walks: number): string {
  const random = randomOf(seed);
  for (let walk = 0; walk < walks; walk += 1) {
    const table = new MovingTable(plan);
    const trace = table.walk(5 + Math.floor(random() * 60), random);
    const problem = table.settle();
    if (problem !== undefined) return `${problem}: ${trace.join(' -> ')}`;
  }
  return 'holds';
}

type Plans = 'move' | 'rollBack' | 'thereAndBack' | 'jumpAndBack' | 'changedMidMove' | 'againAfterRollBack';

const there: Topics = { b: 2 };
const routes: Record<Plans, readonly Topics[]> = {
  move: [{ a: 1 }, { a: 1, b: 2 }, there],
  rollBack: [{ a: 1 }, { a: 1, b: 2 }, { a: 1 }],
  thereAndBack: [{ a: 1 }, { a: 1, b: 2 }, there, { a: 4, b: 2 }, { a: 4 }],
  jumpAndBack: [{ a: 1 }, there, { a: 3 }],
  changedMidMove: [{ a: 1 }, { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }, { c: 3 }],
  againAfterRollBack: [{ a: 1 }, { a: 1, b: 2 }, { a: 1 }, { a: 1, b: 4 }, { b: 4 }],
};

describe('a pod that follows a moving table', () => {
  it.each<[string, readonly Topics[]]>([
    ['hazard 31: a move', routes.move],
    ['hazard 31: a roll-back', routes.rollBack],
    ['hazard 66: a move and another one back', routes.thereAndBack],
    ['a jump and one back', routes.jumpAndBack],
    ['a move that is changed half way', routes.changedMidMove],
    ['a move that is begun again after its roll-back', routes.againAfterRollBack],
  ])('%s ends with the truth, on the one topic', (_name, each) => {
    expect(explore({ routes: each }, 3_000)).toBe('holds');
  });

  it.each<[string, Plan]>([
    [
      'hazard 47: a dispatcher that does not read the routes first',
      { routes: routes.move, fault: 'stale-route-at-assignment' },
    ],
    ['hazard 47: watermarks with one since for ever', { routes: routes.jumpAndBack, fault: 'one-since-for-ever' }],
    ['hazard 66: a topic that comes back with its old since', { routes: [{ a: 1 }, there, { a: 1, b: 2 }, { a: 1 }] }],
  ])('is wrong for ever with %s', (_name, plan) => {
    expect(explore(plan, 40_000)).toMatch(/^permanent/);
  });
});
