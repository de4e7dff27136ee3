import { decodeRecord, type WireRecord } from '@tidemark/protocol';
import { MetricRegistry, TidemarkError } from '@tidemark/runtime';
import { ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { FastLane } from './fast-lane.js';
import { itemOf } from './testing/scripted-store.js';
import { fastEvent } from './transition.js';

const base = { table: 'things', itemKey: 'things:k', region: 'here' };
const put = { ...base, old: itemOf('k', '"a"', { writeId: 'A' }), new: itemOf('k', '"b"', { writeId: 'B' }) };

describe('the event of a write', () => {
  it('says from which write to which, and has no stamp (hazard 46)', () => {
    expect(fastEvent(put, 100)).toMatchObject({
      ...{ kind: 'modify', from: 'A', to: 'B', lane: 'fast', stampUs: null, position: null, region: 'here' },
      value: Buffer.from('"b"'),
    });
  });

  it.each<[string, Parameters<typeof fastEvent>[0], object]>([
    ['of a new item', { ...put, old: undefined }, { kind: 'insert', from: null, to: 'B' }],
    ['over a foreign item', { ...put, old: itemOf('k', '"x"', { writeId: null }) }, { kind: 'modify', from: null }],
    ['of a removal', { ...put, new: undefined }, { kind: 'remove', from: 'A', to: null, value: null }],
    [
      'of a tombstone',
      { ...put, new: itemOf('k', null, { writeId: 'T', tombstone: true }) },
      { kind: 'modify', to: 'T', value: null },
    ],
  ])('%s', (_name, transition, expected) => {
    expect(fastEvent(transition, 100)).toMatchObject(expected);
  });

  it('leaves a large value out', () => {
    expect(fastEvent(put, 3).value).not.toBeNull();
    expect(fastEvent(put, 2).value).toBeNull();
  });
});

describe('the fast lane', () => {
  let clock: ManualClock;
  let logger: ReturnType<typeof recordingLogger>;
  let published: WireRecord[];
  let publish: () => Promise<void>;
  let lane: FastLane;

  beforeEach(() => {
    clock = new ManualClock();
    logger = recordingLogger();
    published = [];
    publish = async () => undefined;
    lane = new FastLane({
      ...{ clock, logger, metrics: new MetricRegistry(), inFlightMax: 2 },
      publisher: {
        publish: async (_table, records) => {
          published.push(...records);
          await publish();
          return [];
        },
      },
    });
  });

  it('publishes what it is given', async () => {
    const event = fastEvent(put, 100);
    lane.publish(event);
    await settle();
    expect(published.map(decodeRecord)).toEqual([{ type: 'event', event }]);
  });

  it('leaves what is too much to the change log, and goes on when there is room', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    publish = () => gate;
    for (let i = 0; i < 5; i += 1) lane.publish(fastEvent(put, 100));
    expect(published).toHaveLength(2);
    release();
    await settle();
    lane.publish(fastEvent(put, 100));
    expect(published).toHaveLength(3);
  });

  it('survives any failure, and warns now and then', async () => {
    publish = () => Promise.reject(new TidemarkError('ACCESS_DENIED', 'no', { retriable: false }));
    for (let i = 0; i < 3; i += 1) {
      lane.publish(fastEvent(put, 100));
      await settle();
    }
    expect(logger.lines).toHaveLength(1);
    await clock.advance(30_000);
    lane.publish(fastEvent(put, 100));
    await settle();
    expect(logger.lines.map(({ fields }) => fields['repeated'])).toEqual([undefined, 2]);
  });
});
