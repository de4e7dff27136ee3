import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { aws } from '@tidemark/aws';
import {
  type Cache,
  type CacheChange,
  createTidemark,
  defineCache,
  type Tidemark,
  trust,
  type WarmUpOptions,
} from '@tidemark/cache';
import { DynamoDbStore } from '@tidemark/dynamodb-store';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';

jest.setTimeout(120_000);
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const table = 'things';
const [home, away] = ['us-east-1', 'eu-west-1'] as const;
const names = Array.from({ length: 120 }, (_, at) => `k${at}`);

describe('a warm-up by the keys of another region', () => {
  let stack: LocalStack;
  const opened: Tidemark[] = [];

  beforeAll(async () => {
    stack = await startLocalStack({ regions: [home, away], tables: [table], kafka: 'embedded' });
  });

  afterAll(async () => {
    for (const tidemark of opened) await tidemark.close();
    await stack?.stop();
  });

  async function pod(region: string, warmUp: WarmUpOptions): Promise<Cache<string>> {
    const things = defineCache({ name: 'things', table, schema: trust<string>(), warmUp });
    const { dynamodb, kafka, topicPrefix } = stack.region(region);
    const backend = aws({ region, dynamodb, kafka, topicPrefix });
    const tidemark = createTidemark({ service: 'test', backend, caches: [things], startDeadline: '30s' });
    opened.push(tidemark);
    await tidemark.start();
    expect(tidemark.health().state).toBe('live');
    return tidemark.cache(things);
  }

  it('reads this region’s values; no pod takes the list for an item of its cache', async () => {
    const busy = await pod(home, { strategy: 'hot-keys', publishEvery: '10s' });
    expect(busy.warmUp()).toMatchObject({ state: 'done', list: null, keys: 0 });
    for (const name of names) await busy.put(name, `${name} at home`);
    await stack.quiesce({ timeout: '30s' });
    // A put whose event came before its answer keeps nothing: read when no event is on its way, every key is held.
    for (const name of names) await busy.get(name);
    const filledAt = Date.now();
    for (let n = 0; n < 2_000; n += 1) busy.getIfPresent(names[n % 7] ?? '');
    expect(names.slice(0, 7)).toContain(busy.hotKeys().keys[0]?.key);

    const bystander = await pod(away, { strategy: 'none' });
    const heard: CacheChange<string>[] = [];
    bystander.on('change', (change) => heard.push(change));

    const store = new DynamoDbStore({ config: stack.region(away).dynamodb });
    // One that was made before every key was held lacks some of them.
    const isWhole = async (): Promise<boolean> => {
      const list = await store.read(table, `_tidemark:hot-keys:things:${home}`, { timeoutMs: 5_000 });
      const { at = 0 } = JSON.parse(Buffer.from(list?.value ?? '{}').toString()) as { readonly at?: number };
      return at >= filledAt;
    };
    await eventually('the list in the other region', isWhole, 60_000);
    await stack.quiesce({ timeout: '30s' });
    expect(heard).toEqual([]);
    expect(bystander.stats()).toMatchObject({ events: 0, drops: 0 });

    // From now on the regions differ in one key, so that it can be told whose value was read.
    stack.faults.aws.pauseReplication(away, home);
    await bystander.put('k3', 'k3 away');

    const starting = await pod(away, { strategy: 'hot-keys', from: home });
    expect(starting.warmUp()).toMatchObject({
      ...{ state: 'done', list: { region: home }, keys: names.length, installed: names.length, failed: 0 },
    });
    expect(starting.getIfPresent('k3')).toBe('k3 away');
    expect(starting.getIfPresent('k119')).toBe('k119 at home');
    expect(await busy.get('k3', { maxStaleness: '0ms' })).toBe('k3 at home');
    stack.faults.aws.resumeReplication(away, home);

    const scanning = await pod(away, { strategy: 'scan' });
    expect(scanning.warmUp()).toMatchObject({ state: 'done', keys: names.length, installed: names.length });
    await store.close();
  });
});
