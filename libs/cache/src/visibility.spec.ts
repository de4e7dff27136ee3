import { type CdcEvent, decodeRecord, type PodReport, type WireRecord } from '@tidemark/protocol';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type PodSnapshot } from './backend.js';
import { VisibilityTimeoutError } from './cache-errors.js';
import { visibilityOf } from './visibility-decision.js';
import { Visibility } from './visibility.js';
import { decodeToken, encodeToken } from './version-token.js';

const token = encodeToken({ table: 'things', itemKey: 'things:k', region: 'here', writeId: 'B', at: 1 });
const parts = decodeToken(token);
const report = (pod: string, progress: readonly number[], table = 'things'): PodReport => ({
  ...{ pod, service: 's', leaving: false },
  tables: { [table]: { topics: progress.map(() => 't'), progress } },
});
const snapshot = (now: number, ...pods: [report: PodReport, at: number][]): PodSnapshot => ({
  now,
  pods: pods.map(([each, at]) => ({ report: each, at })),
});

describe('who is past a place', () => {
  const place = { table: 'things', partition: 1, offset: 7 };

  it.each<[string, PodReport, number, 'past' | 'missing' | 'silent' | undefined]>([
    ['a pod that has processed it', report('p', [0, 7]), 0, 'past'],
    ['a pod that is just before it', report('p', [9, 6]), 0, 'missing'],
    ['a pod that follows nothing yet: its reads may join an older one', report('p', [-1, -1]), 0, 'missing'],
    ['a pod that does not know its partitions', report('p', []), 0, 'missing'],
    ['a pod that was silent for 10 s', report('p', [0, 6]), 10_000, 'missing'],
    ['a pod that was silent for longer', report('p', [0, 6]), 10_001, 'silent'],
    ['a silent pod that had passed it', report('p', [0, 7]), 60_000, 'past'],
    ['a pod without caches of the table', report('p', [0, 0], 'other'), 0, undefined],
  ])('%s', (_name, each, silentMs, where) => {
    const verdict = visibilityOf(snapshot(100_000, [each, 100_000 - silentMs]), place);
    const expected = { past: [] as string[], missing: [] as string[], silent: [] as string[] };
    if (where !== undefined) expected[where].push('p');
    expect(verdict).toEqual(expected);
  });
});

describe('whenVisible', () => {
  let clock: ManualClock;
  let published: WireRecord[];
  let state: PodSnapshot;
  let failure: TidemarkError | undefined;
  let visibility: Visibility;
  const event: CdcEvent = {
    ...{ table: 'things', key: 'things:k', kind: 'modify', from: 'A', to: 'B', stampUs: null, expiresAt: null },
    ...{ codec: 'json', lane: 'fast', region: 'here', position: null, value: Buffer.from('"v"') },
  };

  beforeEach(() => {
    clock = new ManualClock();
    published = [];
    failure = undefined;
    state = snapshot(100, [report('a', [3]), 100], [report('b', [2]), 100]);
    visibility = new Visibility({
      ...{ clock, transitionsMax: 2, transitionBytesMax: 25 },
      publisher: {
        publish: async (_table, records) => {
          if (failure !== undefined) throw failure;
          published.push(...records);
          return [{ partition: 0, offset: 3 }];
        },
      },
      registry: { report: async () => undefined, read: async () => state },
    });
  });

  const call = { timeoutMs: 1_000, signal: undefined };

  it('hazard 65: publishes the transition itself, asking for reports, and waits until every pod is past it', async () => {
    visibility.remember(token, event);
    let visible: unknown;
    void visibility.whenVisible(token, parts, call).then((result) => (visible = result));
    await settle();
    expect(published.map(decodeRecord)).toEqual([{ type: 'event', event: { ...event, report: true } }]);
    await clock.advance(500);
    expect(visible).toBeUndefined();
    state = snapshot(600, [report('a', [3]), 100], [report('b', [3]), 600]);
    await clock.advance(25);
    expect([visible, clock.pending]).toEqual([{ pods: 2, silent: [] }, 0]);
  });

  it('of a write that another pod made asks by an invalidation, which every pod obeys', async () => {
    state = snapshot(100, [report('a', [3]), 100]);
    await expect(visibility.whenVisible(token, parts, call)).resolves.toEqual({ pods: 1, silent: [] });
    expect(published.map(decodeRecord)).toEqual([
      { type: 'control', record: { control: 'invalidate', table: 'things', key: 'things:k', report: true } },
    ]);
  });

  it('keeps a bounded number of transitions', async () => {
    visibility.remember(token, event);
    for (const writeId of ['C', 'D']) visibility.remember(encodeToken({ ...parts, writeId }), event);
    state = snapshot(100);
    await visibility.whenVisible(token, parts, call);
    expect(published.map((record) => decodeRecord(record).type)).toEqual(['control']);
  });

  it('keeps a bounded number of bytes of them, and none at all of one that is larger', async () => {
    state = snapshot(100);
    const sent = async (writeId: string): Promise<string | undefined> => {
      await visibility.whenVisible(encodeToken({ ...parts, writeId }), parts, call);
      return published.map((record) => decodeRecord(record).type).at(-1);
    };
    const remember = (writeId: string, bytes: number): void =>
      visibility.remember(encodeToken({ ...parts, writeId }), { ...event, value: Buffer.alloc(bytes, '7') });
    remember('C', 2);
    remember('D', 6);
    remember('D', 4);
    expect([await sent('C'), await sent('D')]).toEqual(['event', 'event']);
    remember('E', 9);
    expect([await sent('C'), await sent('D'), await sent('E')]).toEqual(['control', 'control', 'event']);
    remember('F', 18);
    expect([await sent('E'), await sent('F')]).toEqual(['control', 'control']);
  });

  it('keeps nothing of the memory around a value', async () => {
    state = snapshot(100);
    visibility.remember(token, { ...event, value: Buffer.alloc(4_096, '7').subarray(0, 3) });
    await visibility.whenVisible(token, parts, call);
    expect(published[0]?.value).toHaveLength(3);
    expect(published[0]?.value?.buffer.byteLength).toBe(3);
  });

  it('names a pod that has been silent for more than 10 s and does not wait for it', async () => {
    state = snapshot(100_000, [report('a', [3]), 100_000], [report('b', [2]), 80_000]);
    await expect(visibility.whenVisible(token, parts, call)).resolves.toEqual({ pods: 1, silent: ['b'] });
  });

  it('at its deadline names who is missing; the write is committed all the same', async () => {
    const outcome = visibility.whenVisible(token, parts, call).catch((error: unknown) => error);
    await clock.advance(1_000);
    const error = await outcome;
    expect(error).toBeInstanceOf(VisibilityTimeoutError);
    expect(error).toMatchObject({ code: 'VISIBILITY_TIMEOUT', committed: true, token, missing: ['b'], silent: [] });
    expect(clock.pending).toBe(0);
  });

  it('ends with CLOSED once the pod is closed, however long it was to wait', async () => {
    const outcome = visibility
      .whenVisible(token, parts, { ...call, timeoutMs: 3_600_000 })
      .catch((error: unknown) => error);
    await clock.advance(100);
    visibility.close();
    await clock.advance(25);
    expect(await outcome).toMatchObject({ code: 'CLOSED' });
    expect(clock.pending).toBe(0);
  });

  it.each(['PUBLISH_FAILED', 'ACCESS_DENIED', 'TOPIC_MISSING', 'FEED_UNAVAILABLE'] as const)(
    'is unavailable where Kafka takes no records of this pod: %s',
    async (code) => {
      failure = new TidemarkError(code, 'no', { retriable: false });
      await expect(visibility.whenVisible(token, parts, call)).rejects.toMatchObject({
        ...{ code: 'VISIBILITY_UNAVAILABLE', cause: failure },
      });
    },
  );
});
