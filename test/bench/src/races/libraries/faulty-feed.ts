import { type ChangeFeed, type ChangeFeedHandler, type FeedBatch } from '@tidemark/cache';
import { decodeRecord } from '@tidemark/protocol';
import { BusLink } from '../bus-link.js';
import { overriding } from './overriding.js';

/**
 * A pod's change feed behind a link. A log gives every record an offset, so whoever reads on after a loss knows of it: like the feed on Kafka,
 * this one says `onGap` before it hands over the first record behind what was lost. While the pod is cut off, the log keeps what it has.
 */
export class FaultyFeed {
  readonly link = new BusLink({
    whileCut: 'kept',
    onCut: () => this.#handler?.onState('interrupted'),
    onRestored: () => this.#handler?.onState('live'),
  });
  readonly #gaps = new Set<string>();
  #handler: ChangeFeedHandler | undefined;

  over(feed: ChangeFeed): ChangeFeed {
    return overriding(feed, {
      open: (handler) => {
        this.#handler = handler;
        return feed.open(overriding(handler, { onBatch: (batch) => this.#receive(batch, handler) }));
      },
    });
  }

  #receive(batch: FeedBatch, handler: ChangeFeedHandler): void {
    const { topic, partition } = batch;
    const place = `${topic}/${partition}`;
    this.link.receive({
      change: batch.records.some((record) => decodeRecord(record).type === 'event'),
      deliver: () => {
        if (this.#gaps.delete(place)) handler.onGap(topic, partition, 'an offset was skipped');
        handler.onBatch(batch);
      },
      lost: () => void this.#gaps.add(place),
    });
  }
}
