import { describe, expect, it } from '@jest/globals';
import { StreamRetention } from './stream-retention.js';

const hour = 3_600_000;
/** Of a stream that was looked at as one that keeps records for so many hours, at the hour. */
function looked(...looks: readonly (readonly [keptHours: number, at: number])[]): StreamRetention {
  const retention = new StreamRetention(hour);
  for (const [hours, at] of looks) retention.note(hours * hour, at * hour);
  return retention;
}

describe('hazard 36: StreamRetention', () => {
  it('trusts in what the stream keeps, less a margin', () => {
    const retention = looked([24, 100]);
    const covers = (hoursAgo: number): boolean => retention.covers((110 - hoursAgo) * hour, 110 * hour);
    expect([covers(0), covers(23), covers(23.1)]).toEqual([true, true, false]);
    expect([retention.covers(null, 110 * hour), looked().covers(0, 110 * hour)]).toEqual([false, true]);
  });

  it('brings nothing back by keeping more', () => {
    const retention = looked([24, 100], [168, 130]);
    expect([retention.goneBefore(130 * hour), retention.goneBefore(200 * hour)]).toEqual([107 * hour, 107 * hour]);
    expect(retention.goneBefore(280 * hour)).toBe(113 * hour);
  });

  it('takes away at once by keeping less', () => {
    expect(looked([168, 100], [24, 130]).goneBefore(131 * hour)).toBe(108 * hour);
  });

  it('trusts in what a row says for no longer than whoever wrote it knew that records were kept', () => {
    const covers = (hoursAgo: number, toldHours: number): boolean =>
      looked([168, 100]).coversSince((110 - hoursAgo) * hour, toldHours * hour, 110 * hour);
    expect([covers(23, 24), covers(24, 24), covers(24, 168), covers(168, 168)]).toEqual([true, false, true, false]);
  });

  it('has a row tell longer retention only where nothing can be gone behind its claim by what it told', () => {
    const tell = (told: number | undefined, claimHoursAgo: number | null, present: number): number | undefined => {
      const upTo = claimHoursAgo === null ? null : (100 - claimHoursAgo) * hour;
      const tells = looked([present, 99]).toTell(told === undefined ? undefined : told * hour, upTo, 100 * hour);
      return tells === undefined ? undefined : tells / hour;
    };
    expect([tell(24, 0, 168), tell(24, 23, 168), tell(24, 24, 168), tell(168, 24, 24)]).toEqual([168, 168, 24, 24]);
    expect([tell(undefined, 0, 168), tell(undefined, 24, 168), tell(undefined, 24, 12)]).toEqual([168, 24, 12]);
    expect([tell(24, null, 168), tell(undefined, null, 168), tell(168, null, 24)]).toEqual([24, 168, 24]);
    expect(looked().toTell(5, 0, 0)).toBe(5);
  });

  it('believes nothing of a time that has not come by more than the margin', () => {
    const retention = looked([24, 100]);
    expect([retention.covers(101 * hour, 100 * hour), retention.covers(101.1 * hour, 100 * hour)]).toEqual([
      true,
      false,
    ]);
  });

  it('takes for gone no more than there was, where it noted it while the clock was ahead', () => {
    const retention = looked([24, 100], [24, 1_000], [168, 1_000]);
    expect(retention.goneBefore(1_001 * hour)).toBe(977 * hour);
    expect(retention.goneBefore(101 * hour)).toBe(101 * hour);
  });

  it('judges what was passed over by the next look that is asked for, and once', () => {
    const retention = new StreamRetention(hour);
    const look = (hours: number, meanwhile: () => void = () => undefined): number => {
      retention.ask();
      meanwhile();
      retention.note(hours * hour, 0);
      return retention.shortenings;
    };
    retention.passed(4 * hour);
    expect([look(6), look(1)]).toEqual([0, 0]);
    expect([look(6, () => retention.passed(4 * hour)), look(2), look(2)]).toEqual([0, 1, 1]);
    expect([look(2, () => retention.passed(4 * hour)), look(2)]).toEqual([2, 2]);
  });
});
