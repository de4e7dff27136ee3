import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { aws } from '@tidemark/aws';
import { createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';

jest.setTimeout(60_000);

const region = 'us-east-1';
const things = defineCache({ name: 'things', table: 'things', schema: trust<string>() });
const missing = defineCache({ name: 'missing', table: 'no-such-table', schema: trust<string>() });

let stack: LocalStack;
beforeAll(async () => {
  stack = await startLocalStack({ regions: [region], tables: ['things'], pipeline: false });
});
afterAll(() => stack?.stop());

const started: Tidemark[] = [];
afterEach(() => Promise.all(started.splice(0).map((tidemark) => tidemark.close())));

function pod(caches: readonly (typeof things)[], brokers = stack.region(region).kafka.brokers): Tidemark {
  const { dynamodb } = stack.region(region);
  const backend = aws({ region, kafka: { brokers }, dynamodb });
  const tidemark = createTidemark({ service: 'test', backend, caches, startDeadline: '500ms' });
  started.push(tidemark);
  return tidemark;
}

describe('what a caller is told', () => {
  it('a table that is missing fails the start, named', async () => {
    const tidemark = pod([missing]);
    await expect(tidemark.start()).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message: expect.stringMatching(/^check of table no-such-table found no table/) as unknown,
    });
  });

  it('a value that is too large is refused before it is sent, with both sizes', async () => {
    const tidemark = pod([things]);
    await tidemark.start();
    const cache = tidemark.cache(things);
    await expect(cache.put('big', 'x'.repeat(300_000))).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
      message: expect.stringMatching(/expected an item of at most 262144 bytes, got 300\d{3}$/) as unknown,
      retriable: false,
    });
    await expect(cache.get('big')).resolves.toBeUndefined();
  });

  it('a pod whose brokers are down starts by its deadline, reads through, and says that it follows nothing', async () => {
    const tidemark = pod([things], ['127.0.0.1:9']);
    await tidemark.start();
    const cache = tidemark.cache(things);
    await expect(cache.put('k', 'written')).resolves.toMatchObject({ applied: true });
    await expect(cache.get('k')).resolves.toBe('written');
    expect(tidemark.health()).toMatchObject({
      state: 'starting',
      tables: { things: { topic: null, live: false, stalenessMs: null } },
    });
  });
});
