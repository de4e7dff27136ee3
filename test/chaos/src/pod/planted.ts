import { type Backend, type ChangeFeed, type ChangeFeedHandler, type FeedBatch } from '@tidemark/cache';
import { decodeRecord } from '@tidemark/protocol';
import { type Plant } from '../pod-protocol.js';

/** The backend, with what is planted in its pod missing from what it hands over; asked for every batch. */
export function planted(backend: Backend, plant: () => Plant | undefined): Backend {
  return {
    ...{ name: backend.name, region: backend.region },
    open: (context) => {
      const parts = backend.open(context);
      return {
        store: parts.store,
        publisher: parts.publisher,
        pods: parts.pods,
        feed: skipping(parts.feed, (batch) => without(batch, plant())),
        close: () => parts.close(),
      };
    },
  };
}

function skipping(feed: ChangeFeed, change: (batch: FeedBatch) => FeedBatch): ChangeFeed {
  const wrap = (handler: ChangeFeedHandler): ChangeFeedHandler => ({
    onRoute: (route) => handler.onRoute(route),
    onBatch: (batch) => handler.onBatch(change(batch)),
    onGap: (topic, partition, reason) => handler.onGap(topic, partition, reason),
    onPartitions: (topic, count) => handler.onPartitions(topic, count),
    onState: (state) => handler.onState(state),
  });
  return {
    open: (handler) => feed.open(wrap(handler)),
    tail: (topics) => feed.tail(topics),
    close: () => feed.close(),
  };
}

function without(batch: FeedBatch, plant: Plant | undefined): FeedBatch {
  if (plant !== 'skips-events' && plant !== 'sees-no-watermarks') return batch;
  const isSkipped = (record: FeedBatch['records'][number]): boolean => {
    const decoded = decodeRecord(record);
    if (plant === 'skips-events') return decoded.type === 'event';
    return decoded.type === 'control' && decoded.record.control === 'watermark';
  };
  return { ...batch, records: batch.records.filter((record) => !isSkipped(record)) };
}
