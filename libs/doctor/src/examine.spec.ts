import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { examine } from './examine.js';
import { type Check, type Finding, ok, problem, skipped, warning } from './finding.js';
import { reportText } from './report-text.js';

const finds = (...findings: Finding[]): Check => ({ name: 'it', run: async () => findings });
const throws = (error: Error): Check => ({ name: 'it', run: () => Promise.reject(error) });
const clock = new ManualClock();

describe('examine', () => {
  it.each<[string, Check, boolean]>([
    ['nothing', finds(), true],
    ['what is well', finds(ok('a', 'fine')), true],
    ['what nobody asked for', finds(skipped('a', 'not asked')), true],
    ['a warning', finds(warning('a', 'so so', 'do')), true],
    ['a problem', finds(ok('a', 'fine'), problem('b', 'bad', 'do')), false],
    ['a look that failed', throws(new Error('oh')), false],
  ])('with %s', async (_, check, isWell) => {
    expect((await examine([check], { clock })).ok).toBe(isWell);
  });

  it.each([
    [new TidemarkError('ACCESS_DENIED', 'no', { retriable: false }), 'problem', /IAM|iam/],
    [new TidemarkError('TABLE_MISSING', 'no', { retriable: true }), 'problem', /create the table/],
    [new TidemarkError('FEED_UNAVAILABLE', 'no', { retriable: true }), 'unknown', /brokers/],
    [new TidemarkError('THROTTLED', 'no', { retriable: true }), 'unknown', /minute/],
    [
      new TidemarkError('FEED_UNAVAILABLE', 'no', { retriable: true, context: { field: 'ssl' } }),
      ...(['unknown', /TIDEMARK_KAFKA_SSL/] as const),
    ],
    [
      new TidemarkError('ACCESS_DENIED', 'no', { retriable: false, context: { field: 'sasl' } }),
      ...(['problem', /TIDEMARK_KAFKA_SASL_MECHANISM/] as const),
    ],
    [new Error('no'), 'unknown', /docs\/errors\.md/],
  ])('tells a look that failed with %s as %s, and what to do', async (error, status, remedy) => {
    const report = await examine([throws(error)], { clock });
    expect(report.checks).toMatchObject([{ check: 'it', findings: [{ subject: 'it', status, message: 'no' }] }]);
    expect(report.checks[0]?.findings[0]?.remedy).toMatch(remedy);
  });

  it('waits for no check beyond its deadline, and keeps what the others found', async () => {
    const hangs: Check = { name: 'hangs', run: () => new Promise(() => undefined) };
    const manual = new ManualClock();
    const examined = examine([hangs, finds(ok('a', 'fine'))], { clock: manual, deadlineMs: 5_000 });
    await settle();
    await manual.advance(5_000);
    const { ok: isWell, checks } = await examined;
    expect(isWell).toBe(false);
    expect(checks.map(({ check, findings }) => [check, findings[0]?.status])).toEqual([
      ['hangs', 'unknown'],
      ['it', 'ok'],
    ]);
    expect(checks[0]).toMatchObject({ tookMs: 5_000, findings: [{ message: expect.stringContaining('5000 ms') }] });
  });

  it('tells what a check has found where a look beside it hangs or fails, and where it fails itself what those found', async () => {
    const manual = new ManualClock();
    const hangs = { name: 'hangs', run: () => new Promise<never>(() => undefined) };
    const fails = throws(new Error('oh'));
    const fine = finds(ok('a', 'fine'));
    const examined = examine(
      [
        { ...fine, beside: [hangs, fails] },
        { ...fails, beside: [fine] },
      ],
      { clock: manual, deadlineMs: 5_000 },
    );
    await settle();
    await manual.advance(5_000);
    const { checks } = await examined;
    expect(checks.map(({ findings }) => findings.map(({ subject, status }) => `${subject} ${status}`))).toEqual([
      ['a ok', 'hangs unknown', 'it unknown'],
      ['it unknown', 'a ok'],
    ]);
  });

  it('gives what is at work up when its caller does', async () => {
    const aborter = new AbortController();
    const hangs: Check = { name: 'hangs', run: () => new Promise(() => undefined) };
    const examined = examine([hangs], { clock: new ManualClock(), signal: aborter.signal });
    aborter.abort();
    expect((await examined).checks[0]?.findings).toMatchObject([{ status: 'unknown' }]);
  });
});

describe('reportText', () => {
  it('shows every finding with its remedy, and counts them', () => {
    const findings = [ok('a', 'fine'), problem('b', 'two lines:\n  of text', 'do this')];
    expect(reportText({ ok: false, checks: [{ check: 'topics', tookMs: 12, findings }] })).toBe(
      [
        'topics (12 ms)',
        '  ok      a: fine',
        '  PROBLEM b: two lines:',
        '            of text',
        '            → do this',
        '',
        'not well: 1 problem, 0 unknown, 0 warning, 1 ok, 0 skipped',
        '',
      ].join('\n'),
    );
  });
});
