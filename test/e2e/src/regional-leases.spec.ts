import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type WriteCondition } from '@tidemark/cache';
import { DynamoDbStore } from '@tidemark/dynamodb-store';
import { EmbeddedAws } from '@tidemark/local-stack';
import { formatWriteId, type ItemImage, type WriteId } from '@tidemark/protocol';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const table = 'permissions';
const [home, away] = ['us-east-1', 'eu-west-1'];
const call = { timeoutMs: 20_000 };
const soon = Math.floor(Date.now() / 1_000) + 86_400;
const leased: WriteCondition = { type: 'leased', leaseId: 'mine' };

const idAt = (at: number): WriteId =>
  formatWriteId({ ms: Date.now() + at, counter: 0, incarnation: '00000000000000aa' });
const newer = (than: WriteId): WriteCondition => ({ type: 'newer', than });

function imageOf(key: string, value: string | null, at: number): ItemImage {
  const tombstone = value === null;
  const rest = { expiresAt: tombstone ? soon : null, tombstone, leaseId: null, leaseUntil: null, loaded: false };
  return { key, value, codec: tombstone ? null : 'json', writeId: idAt(at), writtenBy: away, ...rest };
}

describe('hazard 63: a load under a lease of one region', () => {
  let aws: EmbeddedAws;
  let here: DynamoDbStore;
  let there: DynamoDbStore;

  beforeAll(async () => {
    aws = new EmbeddedAws({ regions: [home, away] });
    await aws.start();
    await aws.createGlobalTable(table);
    here = new DynamoDbStore({ config: aws.dynamodbConfig(home) });
    there = new DynamoDbStore({ config: aws.dynamodbConfig(away) });
  });

  afterAll(async () => {
    await Promise.all([here?.close(), there?.close()]);
    await aws?.stop();
  });

  const values = async (key: string): Promise<unknown[]> =>
    Promise.all([here, there].map(async (store) => (await store.read(table, key, call))?.value ?? undefined));

  async function claim(key: string): Promise<void> {
    const nowMs = Date.now();
    const lease = { leaseId: 'mine', nowMs, leaseUntil: nowMs + 10_000, expiresAt: soon };
    expect(await here.acquireLease(table, key, lease, call)).toMatchObject({ type: 'acquired' });
  }

  async function install(key: string): Promise<string> {
    const image = { ...imageOf(key, '"loaded"', 0), loaded: true };
    return (await here.put(table, image, leased, call)).type;
  }

  const writes: Record<string, (key: string) => Promise<unknown>> = {
    put: (key) => there.put(table, imageOf(key, '"newer"', 0), newer(idAt(0)), call),
    'delete that leaves nothing': (key) => there.delete(table, key, newer(idAt(0)), call),
    'delete that leaves a tombstone': (key) => there.put(table, imageOf(key, null, 0), newer(idAt(0)), call),
  };

  it.each(Object.entries(writes))('installs nothing once a %s of the other region has arrived', async (name, write) => {
    const key = `permissions:arrived-${name}`;
    await claim(key);
    await aws.drained();
    await write(key);
    await aws.drained();
    expect(await install(key)).toBe('refused');
    const expected = name === 'put' ? '"newer"' : undefined;
    expect(await values(key)).toEqual([expected, expected]);
  });

  it.each(Object.entries(writes))(
    'that ends before a %s of the other region has arrived is the later write, and stands in both',
    async (name, write) => {
      const key = `permissions:crossed-${name}`;
      aws.faults.pauseReplication();
      await claim(key);
      await write(key);
      expect(await install(key)).toBe('committed');
      aws.faults.resumeReplication();
      await aws.drained();
      expect(await values(key)).toEqual(['"loaded"', '"loaded"']);
    },
  );
});
