import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { diagnose, type Finding, type Report } from '@tidemark/doctor';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(60_000);

const region = 'us-east-1';
let stack: LocalStack;

beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things'], destinationInterval: '1s' });
  await stack.quiesce({ timeout: '20s' });
});
afterAll(async () => {
  await stack?.stop();
});

/** Kafka alone. */
function look(): Promise<Report> {
  const { kafka, topicPrefix } = stack.region(region);
  return diagnose({ kafka, topicPrefix, topics: { replicationFactor: 1 } });
}

const of = (report: Report, check: string, subject: string): readonly Finding[] =>
  report.checks
    .filter((one) => one.check === check)
    .flatMap(({ findings }) => findings.filter((finding) => finding.subject === subject));

describe('tidemark doctor with partitions that have no leader', () => {
  it('says which they are, what that means, and nothing of it once they have one again', async () => {
    const topic = `${stack.region(region).topicPrefix}.cdc.things`;
    const elect = stack.faults.kafka(region).loseLeader(topic);
    try {
      const report = await look();
      expect(report.ok).toBe(false);
      expect(of(report, 'topics', topic)).toMatchObject([
        {
          status: 'problem',
          message: expect.stringMatching(/^partition 0, 1.*: no leader: nothing of it can be read/),
        },
      ]);
      expect(of(report, 'groups', topic)).toMatchObject([
        { status: 'warning', message: expect.stringMatching(/^partition 0, 1.*: its leader does not answer/) },
      ]);
    } finally {
      elect();
    }
    await eventually('all is well again', async () => (await look()).ok, 30_000);
  });
});
