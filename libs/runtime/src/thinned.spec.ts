import { describe, expect, it } from '@jest/globals';
import { thinned } from './thinned.js';
import { ManualClock, recordingLogger } from './testing/index.js';

describe('thinned', () => {
  it('says a line at first, then at most once in 30 s, with how often it came in between', async () => {
    const [clock, logger] = [new ManualClock(), recordingLogger()];
    const log = thinned(logger, clock);
    for (let second = 0; second <= 61; second += 1) {
      log.warn({ error: `attempt ${second}` }, 'trying again');
      await clock.advance(1_000);
    }
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { error: 'attempt 0' },
      { error: 'attempt 30', repeated: 29 },
      { error: 'attempt 60', repeated: 29 },
    ]);
  });

  it('tells lines apart by message and place, and keeps their level', () => {
    const logger = recordingLogger();
    const log = thinned(logger, new ManualClock());
    for (const topic of ['a', 'b', 'a']) log.warn({ topic }, 'no answer');
    log.error({ topic: 'a' }, 'no answer at all');
    for (const partition of [0, 1, 0]) log.warn({ topic: 'a', partition }, 'no answer');
    expect(logger.lines.map(({ level, fields, message }) => [level, message, fields])).toEqual([
      ['warn', 'no answer', { topic: 'a' }],
      ['warn', 'no answer', { topic: 'b' }],
      ['error', 'no answer at all', { topic: 'a' }],
      ['warn', 'no answer', { topic: 'a', partition: 0 }],
      ['warn', 'no answer', { topic: 'a', partition: 1 }],
    ]);
  });

  it('starts over when a line has not come for long', async () => {
    const [clock, logger] = [new ManualClock(), recordingLogger()];
    const log = thinned(logger, clock, 100);
    log.warn({}, 'x');
    await clock.advance(1_000);
    log.warn({}, 'x');
    expect(logger.lines.map(({ fields }) => fields)).toEqual([{}, {}]);
  });

  it('remembers a bounded number of lines', () => {
    const logger = recordingLogger();
    const log = thinned(logger, new ManualClock());
    for (let n = 0; n <= 1_000; n += 1) log.warn({ topic: `t${n}` }, 'x');
    log.warn({ topic: 't0' }, 'x');
    expect(logger.lines).toHaveLength(1_002);
  });
});
