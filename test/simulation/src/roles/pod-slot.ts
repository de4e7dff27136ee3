import {
  type Backend,
  type BackendContext,
  type BackendParts,
  type Cache,
  type CacheDefinition,
  createTidemark,
  type Tidemark,
} from '@tidemark/cache';
import { decodeRecord } from '@tidemark/protocol';
import { messageOf } from '@tidemark/runtime';
import { SimStore } from '../aws/sim-store.js';
import { SimEventPublisher } from '../kafka/sim-event-publisher.js';
import { type ProcessedBatch, SimPodFeed } from '../kafka/sim-pod-feed.js';
import { placeOf } from '../kafka/sim-kafka.js';
import { SimPodRegistry } from '../kafka/sim-pod-registry.js';
import { SimProducer } from '../kafka/sim-producer.js';
import { type Link } from '../network/link.js';
import { type SimProcess } from '../time/sim-process.js';
import { type WorldContext } from '../world/context.js';
import { type GlobalTable } from '../world/global-table.js';
import { bucket, keyOfItem, names, serviceOf } from '../world/names.js';
import { type Region, type ServiceName } from '../world/region.js';
import { linkTo, Slot } from './slot.js';
import { tracingLogger } from './tracing-logger.js';

/** A pod that runs: one life of it. */
export interface LivePod {
  /** Unique to this start. */
  readonly life: string;
  readonly process: SimProcess;
  readonly tidemark: Tidemark;
  readonly cache: Cache<string>;
}

export interface PodSlotOptions {
  readonly table: GlobalTable;
  readonly definition: CacheDefinition<string>;
  /** The region whose events the pod follows. */
  readonly followed: Region;
}

/** A place for a pod: the shipped cache on a backend of the simulation. */
export class PodSlot extends Slot {
  protected readonly services = ['dynamodb', 'kafka'] as const;
  readonly #table: GlobalTable;
  readonly #followed: Region;
  readonly #definition: CacheDefinition<string>;
  #live: LivePod | undefined;
  #feed: SimPodFeed | undefined;

  constructor(name: string, region: Region, context: WorldContext, { table, definition, followed }: PodSlotOptions) {
    super(name, region, context);
    this.#followed = followed;
    this.#table = table;
    this.#definition = definition;
  }

  /** `undefined` while no pod runs here, or it is about to end. */
  get live(): LivePod | undefined {
    return this.#live;
  }

  protected onStart(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): void {
    const { recorder, trace } = this.context;
    const tidemark = createTidemark({
      service: serviceOf(this.name),
      backend: this.#backend(process, links),
      caches: [this.#definition],
      clock: process.clock,
      entropy: process.entropy,
      fastLane: this.context.config.fastLane,
      logger: tracingLogger(trace, process),
    });
    recorder.started(process.name, this.region.name);
    this.#live = { life: process.name, process, tidemark, cache: tidemark.cache(this.#definition) };
    tidemark
      .start()
      .catch((error: unknown) => trace.note(process.name, `could not start: ${messageOf(error)}`, 'story'));
  }

  protected async onStop(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    await live?.tidemark.close();
  }

  override positions(topic: string): readonly bigint[] {
    return this.#feed?.positions(topic) ?? [];
  }

  protected onKilled(process: SimProcess): void {
    this.#feed = undefined;
    this.#live = undefined;
    this.context.recorder.ended(process.name);
  }

  #backend(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): Backend {
    return {
      name: 'simulation',
      region: this.#followed.name,
      open: (context) => this.#open(process, links, context),
    };
  }

  #open(process: SimProcess, links: ReadonlyMap<ServiceName, Link>, { podId }: BackendContext): BackendParts {
    const { counters, trace, recorder, lives } = this.context;
    const { name } = this.region;
    const { kafka } = this.#followed;
    const link = linkTo(links, 'kafka');
    const table = this.#table;
    const producer = new SimProducer({ kafka, link, onResend: () => counters.add('send made again') });
    trace.note(process.name, `is pod ${podId}`);
    lives.set(podId, process.name);
    const feed = new SimPodFeed({
      ...{ kafka, link, names },
      onProcessed: (batch) => this.#noteProcessed(process, batch),
      onGap: (topic, partition, reason) => {
        counters.add('pod met a gap');
        trace.note(process.name, `records of ${topic}:${partition} were skipped: ${reason}`, 'story');
      },
      onRoutesReset: () => counters.add('pod met a routing topic that had begun anew'),
    });
    this.#feed = feed;
    return {
      store: new SimStore({
        ...{ replica: table.replica(name), link: linkTo(links, 'dynamodb'), throttles: () => this.region.throttles() },
        attribute: (call, effect) => table.attribute(call, effect),
        onEmptyDelete: (itemKey) => table.noteEmptyDelete(name, itemKey),
      }),
      feed,
      publisher: new SimEventPublisher(kafka, producer, process.clock),
      pods: new SimPodRegistry(kafka, producer, link, () => recorder.registered(process.name)),
      close: () => feed.close(),
    };
  }

  /** What the pod made of the events that it was handed, for a reader of the story. */
  #noteProcessed({ name }: SimProcess, { topic, partition, records }: ProcessedBatch): void {
    const { trace } = this.context;
    const position = Number(this.#feed?.positions(topic)[partition] ?? 0) + records.length;
    this.region.visibility.noteProcessed(name, placeOf(topic, partition), partition, position);
    if (!trace.keepsLines) return trace.note(name, `processed ${records.length} of ${topic}:${partition}`);
    for (const record of records) {
      const decoded = decodeRecord(record);
      if (decoded.type !== 'event') continue;
      const key = keyOfItem(decoded.event.key);
      trace.remark(
        name,
        `hears of the change of ${key} to ${decoded.event.to?.slice(8, 16) ?? 'nothing'}: ${this.#l1(key)}`,
        key,
      );
    }
    trace.note(name, `processed ${records.length} of ${topic}:${partition}`);
  }

  #l1(key: string): string {
    const held = this.#live?.cache.inspect(key);
    if (held === undefined) return 'ends';
    if (held.state === 'none') return `L1 holds nothing for ${bucket}`;
    return `L1 holds ${held.state === 'absent' ? 'an absence' : `${held.writeId?.slice(8, 16) ?? 'no write id'} (${held.source})`}`;
  }
}
