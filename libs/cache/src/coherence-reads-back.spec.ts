import { type CdcEvent } from '@tidemark/protocol';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { newCacheStats } from './cache-stats.js';
import { Coherence, type Installable } from './coherence.js';
import { newL1 } from './l1/l1.js';
import { PartitionState } from './partition-state.js';

const image = (value: unknown, writeId: string | null): Installable => ({
  ...{ value, writeId, expiresAt: 0, readAt: 1, bytes: 10 },
});
const event = (from: string, to: string): CdcEvent => ({
  ...{ table: 'things', key: 'things:k', kind: 'modify', from, to, stampUs: null, expiresAt: null, codec: null },
  ...{ lane: 'cdc', region: 'local', position: null, value: Buffer.from(`v${to}`) },
});

let coherence: Coherence;
const held = (): unknown => coherence.peek('k')?.value;
const fill = (value: unknown, writeId: string | null): void =>
  coherence.completeFill(coherence.beginFill('k'), image(value, writeId));

beforeEach(() => {
  const state = new PartitionState();
  state.followed = 'topic';
  coherence = new Coherence({
    l1: newL1({ eviction: 'lru', maxEntries: 10, maxBytes: 1_000_000 }),
    ...{ stats: newCacheStats(), mode: 'update', partitionOf: () => ({ index: 0, state }) },
    hold: ({ value }) => ({ value: Buffer.from(value ?? []).toString(), bytes: 1 }),
    sameValue: (a, b) => a === b,
  });
});

describe('a read that goes back', () => {
  it.each<[string, () => void, string | undefined]>([
    [
      'finds an older id than this pod wrote to it',
      () => {
        coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
        coherence.flush(undefined);
        fill('vA', 'A');
      },
      undefined,
    ],
    [
      'finds an older id than this pod marked as deleted',
      () => {
        coherence.completeDelete(coherence.beginWrite('k', 'B'), 1);
        fill('vA', 'A');
      },
      undefined,
    ],
    [
      'finds an older id than was held',
      () => {
        fill('vB', 'B');
        fill('vA', 'A');
      },
      undefined,
    ],
    [
      'finds an older id, but something came in its way',
      () => {
        coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
        const fence = coherence.beginFill('k');
        coherence.invalidate('k');
        coherence.completeFill(fence, image('vA', 'A'));
      },
      'vC',
    ],
    [
      'finds nothing where this pod wrote, and then what it wrote,',
      () => {
        coherence.completePut(coherence.beginWrite('k', 'B'), image('vB', 'B'));
        coherence.flush(undefined);
        fill(undefined, null);
      },
      undefined,
    ],
  ])('hazard 16: where a read %s, the id that was left places no event', (_name, before, expected) => {
    before();
    fill('vB', 'B');
    coherence.applyEvent('k', event('B', 'C'));
    expect(held()).toBe(expected);
  });
});
