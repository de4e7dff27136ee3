import { type ChangeFeedHandler, type FeedBatch, type FeedState } from '@tidemark/cache';
import { type Route, type WireRecord } from '@tidemark/protocol';
import { PodFeed, type PodFeedOptions } from '../pod-feed.js';
import { type ContractWorld } from './contract-world.js';

/** A pod feed and everything it has told. */
export class RecordingFeed implements ChangeFeedHandler {
  readonly feed: PodFeed;
  readonly routes: Route[] = [];
  readonly gaps: { topic: string; partition: number; reason: string }[] = [];
  readonly states: FeedState[] = [];
  /** `topic count` of each growth. */
  readonly grown: string[] = [];
  /** `src` of each record. */
  readonly sources: (number | undefined)[] = [];
  /** The first record there was. */
  first: WireRecord | undefined;
  /** Times that the routing topic has begun anew. */
  resets = 0;
  readonly #values = new Map<string, string[]>();
  /** Throws on the values it answers `true` for. */
  isPoison: (value: string) => boolean = () => false;

  constructor(world: ContractWorld, options: Partial<PodFeedOptions> = {}) {
    const { client, names, logger } = world;
    this.feed = world.keep(new PodFeed({ client, names, logger, service: 'svc', podId: 'p1', ...options }), (feed) =>
      feed.close(),
    );
  }

  onRoute(route: Route): void {
    this.routes.push(route);
  }

  onRoutesReset(): void {
    this.resets += 1;
  }

  onBatch({ topic, partition, records }: FeedBatch): void {
    this.first ??= records[0];
    const id = `${topic}/${partition}`;
    const values = this.#values.get(id) ?? [];
    this.#values.set(id, values);
    for (const { value, src } of records) {
      this.sources.push(src);
      const text = Buffer.from(value ?? []).toString();
      if (this.isPoison(text)) throw new TypeError(`poison: ${text}`);
      values.push(text);
    }
  }

  onGap(topic: string, partition: number, reason: string): void {
    this.gaps.push({ topic, partition, reason });
  }

  onPartitions(topic: string, count: number): void {
    this.grown.push(`${topic} ${count}`);
  }

  onState(state: FeedState): void {
    this.states.push(state);
  }

  values(topic: string, partition = 0): readonly string[] {
    return this.#values.get(`${topic}/${partition}`) ?? [];
  }

  numbers(topic: string, partition = 0): number[] {
    return this.values(topic, partition).map(Number);
  }
}
