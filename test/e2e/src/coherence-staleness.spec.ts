import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { table } from './coherence/pods.js';
import { boundMs, measureStaleness } from './coherence/staleness.js';

jest.setTimeout(150_000);

describe('staleness while the region’s Kafka is down, under load', () => {
  let stack: LocalStack;
  beforeAll(async () => {
    stack = await startLocalStack({ tables: [table] });
  });
  afterAll(() => stack?.stop());

  it('stays within maxStaleness for every read, is told, and is over soon after Kafka is back', async () => {
    const [region = ''] = stack.regions;
    const figure = await measureStaleness({ stack, region, podCount: 2, cutMs: 7_000, calmMs: 1_500 });
    expect(figure.reads).toBeGreaterThan(200);
    expect({ beyond: figure.beyond, failedReads: figure.failedReads }).toEqual({ beyond: 0, failedReads: 0 });
    // Without a bound, values would have been served that were overwritten when Kafka died; and the bound was put to use.
    expect(figure.oldestMs).toBeGreaterThan(boundMs / 2);
    const beyond = figure.phases.find(({ name }) => name === 'cut, beyond it');
    expect(beyond?.thoughHeld).toBeGreaterThan(0);
    expect(beyond?.fromL1).toBeGreaterThan(0);
    expect(figure.events).toEqual([
      ['stale', 'fresh'],
      ['stale', 'fresh'],
    ]);
    expect(figure.states).toEqual([
      ['live', 'interrupted', 'live'],
      ['live', 'interrupted', 'live'],
    ]);
    // Kafka's absence fails what needs it by its deadline, and nothing else.
    expect(figure.whileDown).toMatchObject({
      whenVisible: { code: expect.stringMatching(/^VISIBILITY_/) as unknown },
      invalidate: { code: expect.stringMatching(/^(?:PUBLISH_FAILED|TIMEOUT)$/) as unknown },
    });
    expect(figure.otherRegion.states).toEqual(['live']);
    expect(figure.backMs).toBeLessThan(60_000);
    process.stdout.write(`${JSON.stringify(figure)}\n`);
  });
});
