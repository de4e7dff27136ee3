import { type PodProgress } from '@tidemark/control';
import { PodTopic, type PodTopicOptions } from '@tidemark/kafka';
import { type PodReport } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';

/** A pod that has said nothing for longer is not waited for, ms of the brokers' time. */
const silentMs = 10_000;
/** Bound on one read of the pods topic, ms. */
const readTimeoutMs = 5_000;

/** The reports of live pods as their topic tells them; this process makes none itself. */
export class LivePods implements PodProgress {
  readonly #topic: Pick<PodTopic, 'read' | 'close'>;

  constructor(topic: Pick<PodTopic, 'read' | 'close'>) {
    this.#topic = topic;
  }

  async read(signal: AbortSignal): Promise<readonly PodReport[]> {
    const { now, pods } = await this.#topic.read({ timeoutMs: readTimeoutMs, signal });
    return pods.filter(({ at }) => at > now - silentMs).map(({ report }) => report);
  }

  close(): Promise<void> {
    return this.#topic.close();
  }
}

/** A reader of the pods topic. */
export function livePods(options: Omit<PodTopicOptions, 'producer' | 'service'>): LivePods {
  const append = (): Promise<never> =>
    Promise.reject(new TidemarkError('CLOSED', 'an admin is no pod', { retriable: false }));
  return new LivePods(new PodTopic({ ...options, service: 'admin', producer: { append } }));
}
