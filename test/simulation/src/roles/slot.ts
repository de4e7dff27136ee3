import { type Link } from '../network/link.js';
import { SimProcess } from '../time/sim-process.js';
import { type WorldContext } from '../world/context.js';
import { type Region, type ServiceName } from '../world/region.js';

/** One start of a process, with its ways to the services. */
export interface Running {
  readonly process: SimProcess;
  readonly links: ReadonlyMap<ServiceName, Link>;
}

/** A place where one process runs at a time: it is started, paused, killed and started again. */
export abstract class Slot {
  readonly name: string;
  readonly region: Region;
  protected readonly context: WorldContext;
  #running: Running | undefined;
  #starts = 0;
  #isEnding = false;
  #clockOffsetMs: number;

  constructor(name: string, region: Region, context: WorldContext) {
    this.name = name;
    this.region = region;
    this.context = context;
    const { clockErrorMs } = context.config;
    this.#clockOffsetMs = context.random.fork(`clock of ${name}`).between(-clockErrorMs, clockErrorMs);
  }

  /** `undefined` while nothing runs here. */
  get running(): Running | undefined {
    return this.#running;
  }

  /** It was asked to stop, and has not ended. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  get paused(): boolean {
    return this.#running?.process.paused === true;
  }

  start(): void {
    if (this.#running !== undefined) return;
    this.#starts += 1;
    const { scheduler, random, trace } = this.context;
    const name = `${this.name}#${this.#starts}`;
    const process = new SimProcess({ name, scheduler, random: random.fork(name), clockOffsetMs: this.#clockOffsetMs });
    const links = new Map(this.services.map((service) => [service, this.region.link(process, service)]));
    this.#running = { process, links };
    trace.note(name, 'starts', 'story');
    process.post(() => this.onStart(process, links));
  }

  /** Ends at once, without a word to anybody. */
  kill(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#isEnding = false;
    running.process.kill();
    this.context.trace.note(running.process.name, 'is killed', 'story');
    this.onKilled(running.process);
  }

  /** Ends as on SIGTERM; what has not ended after a while is killed. Then starts again. */
  restart(): void {
    const running = this.#running;
    if (running === undefined || this.#isEnding) return;
    const { process } = running;
    const { scheduler, trace } = this.context;
    trace.note(process.name, 'is asked to stop', 'story');
    this.#isEnding = true;
    const end = (): void => {
      if (this.#running?.process !== process) return;
      this.kill();
      this.start();
    };
    scheduler.after(stopMs, end);
    process.post(() => {
      void this.onStop().then(end, end);
    });
  }

  pause(): void {
    this.#running?.process.pause();
  }

  resume(): void {
    this.#running?.process.resume();
  }

  setClockOffset(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
    this.#running?.process.setClockOffset(offsetMs);
  }

  link(service: ServiceName): Link | undefined {
    return this.#running?.links.get(service);
  }

  /** Open ways, a process that runs, and nothing that holds it up. */
  heal(): void {
    this.resume();
    for (const link of this.#running?.links.values() ?? []) link.heal();
    this.start();
  }

  /** Where the process stands in a topic that it reads of its own, by partition. */
  positions(_topic: string): readonly bigint[] {
    return [];
  }

  /** The services it speaks to. */
  protected abstract readonly services: readonly ServiceName[];
  protected abstract onStart(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): void;
  protected abstract onStop(): Promise<void>;
  protected abstract onKilled(process: SimProcess): void;
}

/** An orderly stop may take so long, ms. */
const stopMs = 12_000;

export function linkTo(links: ReadonlyMap<ServiceName, Link>, service: ServiceName): Link {
  const link = links.get(service);
  if (link === undefined) throw new RangeError(`no way to ${service}`);
  return link;
}
