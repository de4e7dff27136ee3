import { DeleteItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, defineCache, isTidemarkError, type Tidemark, trust } from '@tidemark/cache';
import { type LocalStack } from '@tidemark/local-stack';

export interface Thing {
  readonly n: number;
}
export const things = defineCache({ name: 'things', table: 'things', schema: trust<Thing>() });

export interface Pod {
  readonly region: string;
  readonly tidemark: Tidemark;
  readonly cache: Cache<Thing>;
}

/** Pods of both regions in turn, started. */
export async function startPods(stack: LocalStack, count: number): Promise<readonly Pod[]> {
  const pods = Array.from({ length: count }, (_, i) => {
    const region = stack.regions[i % stack.regions.length] ?? '';
    const { kafka, dynamodb, topicPrefix } = stack.region(region);
    const tidemark = createTidemark({
      service: 'load',
      backend: aws({ region, kafka, dynamodb, topicPrefix }),
      caches: [things],
      startDeadline: '20s',
    });
    return { region, tidemark, cache: tidemark.cache(things) };
  });
  await Promise.all(pods.map(({ tidemark }) => tidemark.start()));
  return pods;
}

export interface LoadCounts {
  puts: number;
  deletes: number;
  foreignPuts: number;
  foreignDeletes: number;
  gets: number;
  ambiguous: number;
  superseded: number;
}

export interface LoadOptions {
  readonly stack: LocalStack;
  readonly pods: readonly Pod[];
  readonly keys: readonly string[];
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Every pod writes and reads at random, and in every region a plain SDK client writes beside them, until the signal. */
export async function randomLoad({ stack, pods, keys, random, signal }: LoadOptions): Promise<LoadCounts> {
  const counts: LoadCounts = {
    puts: 0,
    deletes: 0,
    foreignPuts: 0,
    foreignDeletes: 0,
    gets: 0,
    ambiguous: 0,
    superseded: 0,
  };
  const pick = (): string => keys[Math.floor(random() * keys.length)] ?? '';
  const clients = stack.regions.map((region) => new DynamoDBClient(stack.region(region).dynamodb));
  let n = 0;
  const foreign = async (client: DynamoDBClient): Promise<void> => {
    while (!signal.aborted) {
      const key = { S: `things:${pick()}` };
      if (random() < 0.2) {
        counts.foreignDeletes += 1;
        await client.send(new DeleteItemCommand({ TableName: 'things', Key: { key } }));
      } else {
        counts.foreignPuts += 1;
        await client.send(
          new PutItemCommand({ TableName: 'things', Item: { key, value: { S: JSON.stringify({ n: (n += 1) }) } } }),
        );
      }
      await pause(20 + random() * 40);
    }
  };
  const work = async ({ cache }: Pod): Promise<void> => {
    while (!signal.aborted) {
      await act(cache, pick(), (n += 1), random(), counts);
      await pause(random() * 8);
    }
  };
  await Promise.all([...pods.map(work), ...clients.map(foreign)]);
  for (const client of clients) client.destroy();
  return counts;
}

async function act(cache: Cache<Thing>, key: string, n: number, dice: number, counts: LoadCounts): Promise<void> {
  try {
    if (dice < 0.3) {
      counts.puts += 1;
      if (!(await cache.put(key, { n })).applied) counts.superseded += 1;
    } else if (dice < 0.4) {
      counts.deletes += 1;
      await cache.delete(key);
    } else {
      counts.gets += 1;
      await cache.get(key);
    }
  } catch (error) {
    if (!isTidemarkError(error, 'AMBIGUOUS_WRITE')) throw error;
    counts.ambiguous += 1;
  }
}

/** Keys on which the tables differ, or some pod's L1 holds what its region's table does not. */
export async function divergent(
  stack: LocalStack,
  pods: readonly Pod[],
  keys: readonly string[],
): Promise<readonly string[]> {
  const tables = new Map<string, ReadonlyMap<string, string>>();
  for (const region of stack.regions) tables.set(region, await readTable(stack, region, keys));
  return keys.filter((key) => {
    const stored = stack.regions.map((region) => tables.get(region)?.get(key));
    if (new Set(stored).size > 1) return true;
    return pods.some(({ region, cache }) => {
      const { state } = cache.inspect(key);
      if (state === 'none') return false;
      const held = state === 'absent' ? undefined : JSON.stringify(cache.getIfPresent(key));
      return held !== tables.get(region)?.get(key);
    });
  });
}

async function readTable(
  stack: LocalStack,
  region: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const client = new DynamoDBClient(stack.region(region).dynamodb);
  const table = new Map<string, string>();
  for (const key of keys) {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: 'things', Key: { key: { S: `things:${key}` } }, ConsistentRead: true }),
    );
    const value = Item?.['value']?.S;
    if (value !== undefined) table.set(key, JSON.stringify(JSON.parse(value)));
  }
  client.destroy();
  return table;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A small seeded generator, uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
