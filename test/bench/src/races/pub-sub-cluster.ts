import { BusLink } from './bus-link.js';
import { type Cluster, type Pod, type PodCache } from './cluster.js';
import { L2Link } from './l2-link.js';
import { PubSub } from './pub-sub.js';

/** What a pod of a library without a clock of its own is made on. */
export interface Place {
  /** What L2 holds, in the form in which the library hands it over. */
  readonly items: Map<string, string>;
  readonly l2: L2Link;
  readonly bus: BusLink;
  readonly pubSub: PubSub;
  /** Calls back when the pod is connected to the bus again. */
  onReconnect(callback: () => void): void;
}

/** Libraries that read the system's clock live this many times faster: ten seconds of theirs are 200 ms. Their own intervals are divided by it. */
export const haste = 50;

/** Pods over one map and one bus of the kind that keeps nothing. */
export class PubSubCluster implements Cluster {
  readonly #openPod: (place: Place) => PodCache;
  readonly #items = new Map<string, string>();
  readonly #pubSub = new PubSub();
  readonly #pods: Pod[] = [];

  constructor(openPod: (place: Place) => PodCache) {
    this.#openPod = openPod;
  }

  async startPod(): Promise<Pod> {
    const reconnected: (() => void)[] = [];
    const bus = new BusLink({ whileCut: 'lost', onRestored: () => reconnected.forEach((callback) => callback()) });
    const l2 = new L2Link();
    const onReconnect = (callback: () => void): void => void reconnected.push(callback);
    const cache = this.#openPod({ items: this.#items, l2, bus, pubSub: this.#pubSub, onReconnect });
    const pod: Pod = { ...cache, l2, bus };
    this.#pods.push(pod);
    await this.settle();
    return pod;
  }

  /** There is no I/O: whatever is under way is over after a few turns of the event loop. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms / haste));
    await this.settle();
  }

  busDown(publishing: 'waits' | 'fails'): void {
    this.#pubSub.down(publishing);
    for (const { bus } of this.#pods) bus.cut();
  }

  busUp(): void {
    for (const { bus } of this.#pods) bus.restore();
    this.#pubSub.up();
  }

  async close(): Promise<void> {
    for (const pod of this.#pods) await pod.close();
  }
}
