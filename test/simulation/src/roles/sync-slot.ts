import { SyncWorker } from '@tidemark/pipeline';
import { SimLeaseStore } from '../aws/sim-lease-store.js';
import { SimShardReader } from '../aws/sim-shard-reader.js';
import { SimProducer } from '../kafka/sim-producer.js';
import { type Link } from '../network/link.js';
import { type SimProcess } from '../time/sim-process.js';
import { type ServiceName } from '../world/region.js';
import { linkTo, Slot } from './slot.js';
import { tracingLogger } from './tracing-logger.js';

/** A place for a sync process. */
export class SyncSlot extends Slot {
  protected readonly services = ['kinesis', 'kafka', 'leases'] as const;
  #worker: SyncWorker | undefined;

  get worker(): SyncWorker | undefined {
    return this.#worker;
  }

  protected onStart(process: SimProcess, links: ReadonlyMap<ServiceName, Link>): void {
    const { config, counters, trace } = this.context;
    const { stream, kafka, leases, name: region } = this.region;
    const { pollMs, closesAfter } = config;
    const { random, clock } = process;
    this.#worker = new SyncWorker({
      reader: new SimShardReader({ stream, link: linkTo(links, 'kinesis'), pollMs, closesAfter }),
      leases: new SimLeaseStore(leases, linkTo(links, 'leases')),
      sink: new SimProducer({
        ...{ kafka, link: linkTo(links, 'kafka') },
        onResend: () => counters.add('send made again'),
      }),
      ...{ region, clock, workerId: process.name, random: () => random.next() },
      ...{ failoverMs: 6_000, renewEveryMs: 1_000, shardListEveryMs: 5_000, retryMaxMs: 2_000, sendTimeoutMs: 6_000 },
      log: tracingLogger(trace, process),
    });
    this.#worker.start();
  }

  protected async onStop(): Promise<void> {
    await this.#worker?.stop();
  }

  /** Composite abort signals that are listened to stay in memory until they are aborted. */
  protected onKilled(): void {
    void this.#worker?.kill();
    this.#worker = undefined;
  }
}
