import { afterAll, describe, expect, it } from '@jest/globals';
import { explore, walk } from '../explore/explore.js';
import { isLong, Report, seed, statesMax, timeoutMs, verdictOf } from '../explore/report.js';
import { StreamModel } from './stream-model.js';
import { type StreamOptions } from './stream-options.js';

const small = { ticks: 1, records: 1, workers: 1, scans: 1 } as const;

/** What one run is about, what it may do, and how much more in a long run. */
const runs: readonly [string, StreamOptions, Partial<StreamOptions>][] = [
  [
    'one shard in small pages, a worker that starts anew (hazard 50)',
    { ...small, shape: 'one', records: 2, scans: 2, restarts: 1, smallPages: true },
    { ticks: 2, records: 3 },
  ],
  [
    'a zombie beside the worker that took its lease (hazards 33 and 50)',
    { ...small, shape: 'one', workers: 2, steals: 1 },
    { ticks: 2, records: 2, scans: 2 },
  ],
  [
    'a shard is handed over to the worker that asks for it (hazards 33 and 50)',
    { ...small, shape: 'one', workers: 2, asks: 1 },
    { ticks: 2, records: 2, scans: 2 },
  ],
  [
    'a shard is asked for, and taken by force or from one that starts anew (hazard 33)',
    { ...small, shape: 'one', ticks: 0, workers: 2, asks: 1, steals: 1, restarts: 1 },
    { ticks: 1, records: 2 },
  ],
  [
    'a shard is split, and its end is said late (hazards 32 and 49)',
    { ...small, shape: 'split', lateClosing: 1 },
    { records: 2, lateClosing: 2, scans: 2 },
  ],
  [
    'a shard is split, rows are read children first (hazard 49)',
    { ...small, shape: 'split', childrenFirst: true },
    { shardsLeave: true, scans: 2 },
  ],
  [
    'two shards are merged (hazards 32 and 49)',
    { ...small, shape: 'merge' },
    { records: 2, lateClosing: 1, childrenFirst: true },
  ],
  [
    'a row of the lease table is lost (hazard 51)',
    { ...small, shape: 'one', scans: 2, rowLosses: 1, restarts: 1 },
    { shape: 'merge', records: 2 },
  ],
  [
    'records leave the stream unread (hazard 36)',
    { ...small, shape: 'one', ticks: 3, retention: 2 },
    { ticks: 5, records: 2, restarts: 1 },
  ],
  [
    'a checkpoint is set to the end (hazard 51)',
    { ...small, shape: 'one', resets: 1, restarts: 1 },
    { ticks: 2, records: 2, scans: 2 },
  ],
];

/** Beyond what can be explored to the end in a short run. */
const large: readonly [string, StreamOptions][] = [
  ['a split with two workers and a zombie', { ...small, shape: 'split', workers: 2, steals: 1, scans: 2 }],
  ['a split that two workers hand over to each other', { ...small, shape: 'split', workers: 2, asks: 2, scans: 2 }],
  ['a split with a worker that starts anew', { ...small, shape: 'split', restarts: 1, scans: 2, lateClosing: 1 }],
  ['a merge with two workers and a zombie', { ...small, shape: 'merge', workers: 2, steals: 1, scans: 2 }],
];

const report = new Report('one stream, its leases and its watermark');
afterAll(() => report.end());

describe('every order of a small run keeps I3', () => {
  it.each(runs)(
    '%s',
    (name, options, more) => {
      const exploration = explore(new StreamModel(isLong ? { ...options, ...more } : options), statesMax);
      report.add(name, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.complete || isLong).toBe(true);
      expect(exploration.states).toBeGreaterThan(10_000);
    },
    timeoutMs,
  );
});

describe('random runs keep I3', () => {
  it.each(large)(
    '%s',
    (name, options) => {
      const walks = isLong ? 20_000 : 250;
      const exploration = walk(new StreamModel({ ...options, ticks: 4, records: 4, scans: 6 }), {
        walks,
        seed,
        stepsMax: 120,
      });
      report.add(`random walks: ${name}`, exploration);
      expect(verdictOf(exploration)).toBe('holds');
      expect(exploration.states).toBeGreaterThan(5_000);
    },
    timeoutMs,
  );

  it('publishes watermarks after the shards have changed, too', () => {
    const options: StreamOptions = { ...small, shape: 'split', ticks: 3, scans: 6 };
    let afterChange = 0;
    const model = new StreamModel(options);
    const watching = {
      initial: model.initial,
      next: model.next.bind(model),
      describe: model.describe.bind(model),
      problem: (state: typeof model.initial): string | undefined => {
        if (state.rows[0]?.place === 99 && state.watermark > 1) afterChange += 1;
        return model.problem(state);
      },
    };
    walk(watching, { walks: 500, seed });
    expect(afterChange).toBeGreaterThan(0);
  });
});

if (isLong)
  describe('as many states as fit', () => {
    it.each(large)(
      '%s',
      (name, options) => {
        const exploration = explore(new StreamModel(options), statesMax);
        report.add(name, exploration);
        expect(verdictOf(exploration)).toBe('holds');
      },
      timeoutMs,
    );
  });
