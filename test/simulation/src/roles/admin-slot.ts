import { importRoutes, MoveController, type RouteOperation, RoutingTable } from '@tidemark/control';
import { type Route } from '@tidemark/protocol';
import { isTidemarkError, wait } from '@tidemark/runtime';
import { SimPodRegistry } from '../kafka/sim-pod-registry.js';
import { SimProducer } from '../kafka/sim-producer.js';
import { SimPodProgress, SimRouteLog, SimTopicAdmin } from '../kafka/sim-route-log.js';
import { type Link } from '../network/link.js';
import { type SimProcess } from '../time/sim-process.js';
import { names, table } from '../world/names.js';
import { type ServiceName } from '../world/region.js';
import { linkTo, Slot } from './slot.js';
import { tracingLogger } from './tracing-logger.js';

/** What an operator wants of a route as it stands; `undefined`: nothing any more. */
export type Wish = (route: Route) => RouteOperation | undefined;

/** `false`: not done, and to be asked for again; so where it throws. */
type Task = (routes: RoutingTable) => Promise<boolean>;

/** An operator asks again after this, ms. */
const askAgainMs = 300;
/** Bound on one change of a route, ms. */
const changeTimeoutMs = 4_000;

/** A place for an admin process: the shipped routing table and controller of moves, and an operator who asks until it is done, whichever process does it. */
export class AdminSlot extends Slot {
  protected readonly services = ['kafka'] as const;
  readonly #wishes: Task[] = [];
  #log: SimRouteLog | undefined;
  #routes: RoutingTable | undefined;
  #moves: MoveController | undefined;
  #asking = false;

  /** Wishes that are not granted. */
  get waiting(): number {
    return this.#wishes.length;
  }

  /** One after another, in the order given. */
  ask(wish: Wish): void {
    this.#wishes.push((routes) => this.#operate(routes, wish));
    this.running?.process.post(() => void this.#grant());
  }

  /** Before all else: writes a route anew that the routing topic has lost, where nobody else has. */
  restore(route: Route, writerEpoch: number): void {
    this.#wishes.unshift(async (routes) => {
      const { restored } = await importRoutes(routes, { writerEpoch, routes: [route] }, { actor: 'operator' });
      this.context.counters.add(restored.length > 0 ? 'route: restored' : 'route: kept');
      return true;
    });
    this.running?.process.post(() => void this.#grant());
  }

  override positions(topic: string): readonly bigint[] {
    return this.#log?.positions(topic) ?? [];
  }

  /** Dies with its `count`th call of the brokers from now on, fetches left out, before or after it took place; the returned function takes that back. */
  dieAt(count: number, side: 'request' | 'answer', onDeath: () => void): () => void {
    const link = this.link('kafka');
    return (
      link?.strike(side, /^(?!fetch)/, count, () => {
        onDeath();
        this.kill();
      }) ?? (() => undefined)
    );
  }

  protected onStart(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): void {
    const { trace, counters } = this.context;
    const { kafka } = this.region;
    const link = linkTo(links, 'kafka');
    const { clock } = process;
    const logger = tracingLogger(trace, process);
    const log = new SimRouteLog(kafka, link);
    this.#log = log;
    const routes = new RoutingTable({
      ...{ log, topics: new SimTopicAdmin(kafka, link), names, clock, logger },
      timeoutMs: changeTimeoutMs,
    });
    const producer = new SimProducer({ kafka, link, onResend: () => counters.add('send made again') });
    const pods = new SimPodProgress(new SimPodRegistry(kafka, producer, link, () => undefined));
    const moves = new MoveController({ table: routes, pods, clock, logger });
    this.#asking = false;
    void routes.open().then(() => {
      this.#routes = routes;
      this.#moves = moves;
      moves.start();
      return this.#grant();
    });
  }

  protected async onStop(): Promise<void> {
    await this.#moves?.close();
    await this.#routes?.close();
  }

  /** A process that dies leaves its timers behind, which reach nobody. */
  protected onKilled(): void {
    this.#log = undefined;
    this.#routes = undefined;
    this.#moves = undefined;
  }

  async #grant(): Promise<void> {
    const [routes, process] = [this.#routes, this.running?.process];
    if (routes === undefined || process === undefined || this.#asking) return;
    this.#asking = true;
    for (let wish = this.#wishes[0]; wish !== undefined && process.alive; wish = this.#wishes[0]) {
      if (await this.#try(routes, wish)) this.#wishes.splice(this.#wishes.indexOf(wish), 1);
      else await wait(process.clock, askAgainMs);
    }
    this.#asking = false;
  }

  /** `false`: it is to be asked for again. */
  async #try(routes: RoutingTable, wish: Task): Promise<boolean> {
    const { counters } = this.context;
    try {
      return await wish(routes);
    } catch (error) {
      if (!isTidemarkError(error, 'ROUTE_INVALID')) return false;
      counters.add('route: refused');
      return true;
    }
  }

  async #operate(routes: RoutingTable, wish: Wish): Promise<boolean> {
    const current = routes.get(table);
    const operation = wish(current);
    if (operation === undefined) return true;
    await routes.operate(table, operation, { ifMatch: current.version, actor: 'operator' });
    this.context.counters.add(`route: ${operation.type}`);
    return true;
  }
}
