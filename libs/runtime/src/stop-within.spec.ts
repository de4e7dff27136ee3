import { describe, expect, it } from '@jest/globals';
import { stopWithin } from './stop-within.js';
import { ManualClock } from './testing/manual-clock.js';
import { recordingLogger } from './testing/recording-logger.js';

describe('stopWithin', () => {
  it('ends when what stops has ended, and leaves nothing on the clock', async () => {
    const [clock, logger] = [new ManualClock(), recordingLogger()];
    await stopWithin(Promise.resolve(), { clock, logger });
    expect([clock.pending, logger.lines]).toEqual([0, []]);
  });

  it('fails as what stops does', async () => {
    const [clock, logger] = [new ManualClock(), recordingLogger()];
    await expect(stopWithin(Promise.reject(new Error('no')), { clock, logger })).rejects.toThrow('no');
    expect(clock.pending).toBe(0);
  });

  it('waits no longer than its limit, and says so', async () => {
    const [clock, logger] = [new ManualClock(), recordingLogger()];
    let ended = false;
    const stopped = stopWithin(new Promise(() => undefined), { clock, logger }).then(() => (ended = true));
    await clock.advance(7_499);
    expect(ended).toBe(false);
    await clock.advance(1);
    await stopped;
    expect(logger.lines).toEqual([
      { level: 'warn', fields: { limitMs: 7_500 }, message: 'stopped without waiting any longer for answers' },
    ]);
  });
});
