import { Dispatcher } from '@tidemark/pipeline';
import { isTidemarkError } from '@tidemark/runtime';
import { SimEventSource } from '../kafka/sim-event-source.js';
import { SimProducer } from '../kafka/sim-producer.js';
import { SimRouteStore } from '../kafka/sim-route-store.js';
import { type Link } from '../network/link.js';
import { type SimProcess } from '../time/sim-process.js';
import { names } from '../world/names.js';
import { type ServiceName } from '../world/region.js';
import { linkTo, Slot } from './slot.js';
import { tracingLogger } from './tracing-logger.js';

/** A place for a dispatcher process. */
export class DispatcherSlot extends Slot {
  protected readonly services = ['kafka'] as const;
  #dispatcher: Dispatcher | undefined;
  #routes: SimRouteStore | undefined;

  get dispatcher(): Dispatcher | undefined {
    return this.#dispatcher;
  }

  protected onStart(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): void {
    const { counters, trace } = this.context;
    const { kafka, group, name, visibility } = this.region;
    const link = linkTo(links, 'kafka');
    const { random, clock } = process;
    const routes = new SimRouteStore(kafka, link);
    this.#routes = routes;
    const dispatcher = new Dispatcher({
      source: new SimEventSource({
        ...{ kafka, group, link, batchMax: 10 },
        onGap: ({ topic, partition }) => {
          counters.add('dispatcher met a gap');
          visibility.noteGap(partition);
          trace.note(process.name, `records before those of ${topic}:${partition} are lost`, 'story');
        },
        onRewound: ({ topic, partition }, from, to) => {
          counters.add(to < from ? 'partition rewound' : 'partition had nothing to rewind');
          trace.note(process.name, `${topic}:${partition} goes back from ${from} to ${to}`, 'story');
        },
        onHandlerError: (error) => {
          counters.add('dispatcher handler threw');
          trace.note(process.name, `handler threw ${String(error)}`, 'story');
        },
      }),
      sink: new SimProducer({ kafka, link, onResend: () => counters.add('send made again') }),
      ...{ routes, names, clock, random: () => random.next(), refreshIntervalMs: 4_000, requestTimeoutMs: 3_000 },
      // Less than a batch, so that a part of one may be all that is done before its partition is let go.
      chunkRecordsMax: 4,
      logger: tracingLogger(trace, process),
    });
    this.#dispatcher = dispatcher;
    dispatcher.start().catch((error: unknown) => {
      trace.note(process.name, `could not start: ${String(error)}`, 'story');
      // It was asked to stop meanwhile.
      if (isTidemarkError(error, 'CLOSED')) return;
      throw new Error(`dispatcher of ${name} could not start`, { cause: error });
    });
  }

  protected async onStop(): Promise<void> {
    await this.#dispatcher?.stop();
  }

  override positions(topic: string): readonly bigint[] {
    return this.#routes?.positions(topic) ?? [];
  }

  protected onKilled(): void {
    this.#routes = undefined;
    this.#dispatcher = undefined;
  }
}
