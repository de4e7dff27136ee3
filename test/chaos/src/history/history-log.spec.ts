import { describe, expect, it } from '@jest/globals';
import { checkHistory } from '@tidemark/cache/testing';
import { type AppliedWrite } from '@tidemark/local-stack';
import { machineMs, type PodEvent } from '../pod-protocol.js';
import { HistoryLog } from './history-log.js';

const applied = (value: string | null, version = 'v1'): AppliedWrite => ({
  ...{ region: 'us', table: 'things', isReplicated: false, keys: { key: { S: 'things:k' } } },
  newItem: {
    ...{ key: { S: 'things:k' }, writeId: { S: version } },
    ...(value === null ? {} : { value: { S: JSON.stringify(value) } }),
  },
});

const write = (at: number, id: number, value: string | null): PodEvent => ({
  ...{ type: 'write', at, id, key: 'k', value, condition: null },
  operation: value === null ? 'delete' : 'put',
});
const wrote = (at: number, id: number, version: string): PodEvent => ({
  ...{ type: 'wrote', at, id, result: 'applied', reason: '', version },
});
const read = (at: number, id: number): PodEvent => ({ type: 'read', at, id, key: 'k', watermark: null });
const served = (at: number, id: number, value: string | null): PodEvent => ({
  ...{ type: 'served', at, id, value, from: 'l1' },
});

/** Time enough for two stamps to differ. */
function later(): number {
  const nowMs = machineMs();
  while (machineMs() < nowMs + 0.05);
  return machineMs();
}

function logOfTwoPods(): HistoryLog {
  const log = new HistoryLog();
  log.podStarted('a.1', 'us');
  log.podStarted('b.1', 'us');
  return log;
}

describe('the history of several processes', () => {
  it('is in the order of their stamps, whenever they are heard of', () => {
    const log = logOfTwoPods();
    const beganMs = later();
    log.applied(applied('a.1:7'));
    const endMs = later();
    // The reader is heard of first, the writer after the end.
    log.podEvents('b.1', [read(endMs + 1, 1), served(endMs + 2, 1, 'a.1:7')]);
    log.podEvents('a.1', [write(beganMs, 7, 'a.1:7'), wrote(endMs, 7, 'v1')]);
    const history = log.history();
    expect(history.transitions[0]).toMatchObject({ by: 'w1', value: 'w1', version: 'v1' });
    expect(history.reads[0]?.result).toEqual({ type: 'served', value: 'w1', from: 'l1' });
    expect(checkHistory(history)).toEqual([]);
  });

  it('knows a deletion by the write id that its caller was told', () => {
    const log = logOfTwoPods();
    const beganMs = later();
    log.applied(applied(null, 'v9'));
    const endMs = later();
    log.podEvents('a.1', [write(beganMs, 1, null), wrote(endMs, 1, 'v9')]);
    expect(log.history().transitions[0]).toMatchObject({ by: 'w1', value: null });
    expect(checkHistory(log.history())).toEqual([]);
  });

  it('shows a read that goes back, a write that was lost, and what is held at rest', () => {
    const log = logOfTwoPods();
    log.applied(applied('x'));
    log.applied(applied('y', 'v2'));
    const atMs = later();
    log.podEvents('b.1', [read(atMs, 1), served(atMs + 1, 1, 'y'), read(atMs + 2, 2), served(atMs + 3, 2, 'x')]);
    log.podEvents('a.1', [write(atMs, 1, 'a.1:1'), wrote(atMs + 1, 1, 'v3')]);
    log.quiet();
    log.rest('b.1', 'k', 'x');
    const invariants = checkHistory(log.history()).map(({ invariant }) => invariant);
    expect(new Set(invariants)).toEqual(new Set(['outcome', 'I2', 'I1']));
  });

  it('shows what was served although the stream had a newer change before the watermark', () => {
    const log = logOfTwoPods();
    log.applied(applied('x'));
    const accepted = log.applied(applied('y', 'v2'));
    accepted?.();
    const atMs = later();
    log.podEvents('b.1', [{ ...read(atMs, 1), watermark: Date.now() + 1_000 } as PodEvent, served(atMs + 1, 1, 'x')]);
    expect(checkHistory(log.history()).map(({ invariant }) => invariant)).toEqual(['I3']);
  });

  it('leaves items of others out', () => {
    const log = logOfTwoPods();
    expect(log.applied({ ...applied('x'), keys: { key: { S: 'other:k' } } })).toBeUndefined();
    expect(log.history().transitions).toEqual([]);
  });
});
