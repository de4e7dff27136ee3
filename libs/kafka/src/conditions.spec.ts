import { describe, expect, it } from '@jest/globals';
import { Conditions } from './conditions.js';

describe('Conditions', () => {
  it('resolves at once, or when a check finds it true', async () => {
    const conditions = new Conditions();
    let value = 1;
    await conditions.until(() => value === 1);
    const later = conditions.until(() => value === 2);
    conditions.check();
    value = 2;
    conditions.check();
    await later;
  });

  it('rejects with its caller and with its owner', async () => {
    const conditions = new Conditions();
    const aborter = new AbortController();
    const aborted = conditions.until(() => false, aborter.signal);
    const closed = conditions.until(() => false);
    aborter.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    conditions.close();
    await expect(closed).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(conditions.until(() => true)).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(new Conditions().until(() => true, aborter.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
