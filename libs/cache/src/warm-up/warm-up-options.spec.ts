import { describe, expect, it } from '@jest/globals';
import { defineCache, tuneCache } from '../define-cache.js';
import { trust } from '../standard-schema.js';
import { warmUpPlan, type WarmUpOptions } from './warm-up-options.js';

describe('warmUpPlan', () => {
  it('has defaults for all but the strategy', () => {
    expect(warmUpPlan('warmUp', 'hot-keys')).toEqual({
      ...{ strategy: 'hot-keys', deadlineMs: 5_000, afterDeadline: 'continue', maxKeys: 16_777_216 },
      ...{ keysPerSecond: 25_000, from: ['own'], standbyFor: [], publishEveryMs: 600_000, segments: 4 },
    });
  });

  it('takes every option, and a region for a list of them', () => {
    const options: WarmUpOptions = {
      ...{ strategy: 'most-recent', deadline: '2s', afterDeadline: 'stop', maxKeys: 5, keysPerSecond: 7 },
      ...{ from: 'eu-west-1', standbyFor: 'us-east-1', publishEvery: '1m', segments: 2 },
    };
    expect(warmUpPlan('warmUp', options)).toEqual({
      ...{ strategy: 'most-recent', deadlineMs: 2_000, afterDeadline: 'stop', maxKeys: 5, keysPerSecond: 7 },
      ...{ from: ['eu-west-1'], standbyFor: ['us-east-1'], publishEveryMs: 60_000, segments: 2 },
    });
  });

  it('of none is none', () => {
    expect(warmUpPlan('warmUp', 'none')).toBeUndefined();
  });

  it.each([
    [{ strategy: 'hottest' }, 'warmUp.strategy'],
    [{ strategy: 'scan', deadline: '5' }, 'warmUp.deadline'],
    [{ strategy: 'scan', afterDeadline: 'wait' }, 'warmUp.afterDeadline'],
    [{ strategy: 'scan', maxKeys: 0 }, 'warmUp.maxKeys'],
    [{ strategy: 'scan', keysPerSecond: 1.5 }, 'warmUp.keysPerSecond'],
    [{ strategy: 'scan', segments: 65 }, 'warmUp.segments'],
    [{ strategy: 'hot-keys', from: [] }, 'warmUp.from'],
    [{ strategy: 'hot-keys', from: ['a:b'] }, 'warmUp.from'],
    [{ strategy: 'hot-keys', standbyFor: 7 }, 'warmUp.standbyFor'],
    [{ strategy: 'scan', standbyFor: 'eu-west-1' }, 'warmUp.standbyFor'],
    [{ strategy: 'hot-keys', publishEvery: '1s' }, 'warmUp.publishEvery'],
    [{ strategy: 'hot-keys', every: '1s' }, 'warmUp.every'],
    [7, 'warmUp'],
  ])('refuses %j, naming %s', (options, field) => {
    expect(() => warmUpPlan('warmUp', options as WarmUpOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(`${field}: expected`) }),
    );
  });

  it('is part of a definition, and can be tuned', () => {
    const things = defineCache({ name: 'things', table: 'things', schema: trust<string>(), warmUp: 'scan' });
    expect(things.warmUp?.strategy).toBe('scan');
    expect(tuneCache(things, { warmUp: { strategy: 'none' } }).warmUp).toBeUndefined();
    expect(tuneCache(things, { maxEntries: 5 }).warmUp?.strategy).toBe('scan');
  });
});
