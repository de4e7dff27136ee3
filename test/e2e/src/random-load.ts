import { DeleteItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { aws } from '@tidemark/aws';
import {
  type Cache,
  createTidemark,
  defineCache,
  isTidemarkError,
  type Tidemark,
  trust,
  type VersionToken,
  type WriteReceipt,
} from '@tidemark/cache';
import { type LocalStack } from '@tidemark/local-stack';

export interface Thing {
  readonly n: number;
}
const table = 'things';
export const things = defineCache({ name: 'things', table, schema: trust<Thing>(), deletes: 'remove' });
/** The same, but for what a delete leaves. */
const marked = defineCache({ name: 'marked', table, schema: trust<Thing>(), deletes: 'tombstone' });
const buckets = ['things', 'marked'] as const;

export interface Pod {
  readonly region: string;
  readonly tidemark: Tidemark;
  /** Its cache `things`. */
  readonly cache: Cache<Thing>;
  readonly caches: Readonly<Record<(typeof buckets)[number], Cache<Thing>>>;
}

/** Pods of both regions in turn, started. */
export async function startPods(stack: LocalStack, count: number): Promise<readonly Pod[]> {
  const pods = Array.from({ length: count }, (_, i) => {
    const region = stack.regions[i % stack.regions.length] ?? '';
    const { kafka, dynamodb, topicPrefix } = stack.region(region);
    const tidemark = createTidemark({
      service: 'load',
      backend: aws({ region, kafka, dynamodb, topicPrefix }),
      caches: [things, marked],
      startDeadline: '20s',
    });
    const cache = tidemark.cache(things);
    return { region, tidemark, cache, caches: { things: cache, marked: tidemark.cache(marked) } };
  });
  await Promise.all(pods.map(({ tidemark }) => tidemark.start()));
  return pods;
}

/** Calls by what they were; and those that ended otherwise than applied, by how: `exists`, `AMBIGUOUS_WRITE`, … */
export interface LoadCounts {
  readonly calls: Record<Action | 'foreignPut' | 'foreignDelete', number>;
  readonly refused: Record<string, number>;
  /** Loaders that ran. */
  loads: number;
}

export interface LoadOptions {
  readonly stack: LocalStack;
  readonly pods: readonly Pod[];
  readonly keys: readonly string[];
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** How many calls of a hundred are of each kind. */
const shares = {
  put: 18,
  putIfAbsent: 9,
  putIfVersion: 9,
  delete: 10,
  getOrLoad: 12,
  invalidate: 5,
  invalidateEverywhere: 5,
  get: 32,
} as const;
type Action = keyof typeof shares;

/** Every pod writes and reads at random, and in every region a plain SDK client writes beside them, until the signal. */
export async function randomLoad({ stack, pods, keys, random, signal }: LoadOptions): Promise<LoadCounts> {
  const counts = newCounts();
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const clients = stack.regions.map((region) => new DynamoDBClient(stack.region(region).dynamodb));
  let n = 0;
  const foreign = async (client: DynamoDBClient): Promise<void> => {
    while (!signal.aborted) {
      const key = { S: `${pick(buckets)}:${pick(keys)}` };
      if (random() < 0.2) {
        counts.calls.foreignDelete += 1;
        await client.send(new DeleteItemCommand({ TableName: table, Key: { key } }));
      } else {
        counts.calls.foreignPut += 1;
        await client.send(
          new PutItemCommand({ TableName: table, Item: { key, value: { S: JSON.stringify({ n: (n += 1) }) } } }),
        );
      }
      await pause(20 + random() * 40);
    }
  };
  const work = async ({ caches }: Pod): Promise<void> => {
    const callers = buckets.map((bucket) => new Caller(caches[bucket], counts));
    while (!signal.aborted) {
      await pick(callers).call(actionOf(random()), pick(keys), (n += 1));
      await pause(random() * 8);
    }
  };
  await Promise.all([...pods.map(work), ...clients.map(foreign)]);
  for (const client of clients) client.destroy();
  return counts;
}

function newCounts(): LoadCounts {
  const names = [...(Object.keys(shares) as Action[]), 'foreignPut', 'foreignDelete'] as const;
  return {
    calls: Object.fromEntries(names.map((name) => [name, 0])) as LoadCounts['calls'],
    refused: {},
    loads: 0,
  };
}

function actionOf(dice: number): Action {
  let left = dice * 100;
  for (const [action, share] of Object.entries(shares) as [Action, number][]) {
    if (left < share) return action;
    left -= share;
  }
  return 'get';
}

/** One pod's calls of one cache. */
class Caller {
  readonly #cache: Cache<Thing>;
  readonly #counts: LoadCounts;
  /** Of this pod's last applied write of each key: others have written since, or not. */
  readonly #tokens = new Map<string, VersionToken>();

  constructor(cache: Cache<Thing>, counts: LoadCounts) {
    this.#cache = cache;
    this.#counts = counts;
  }

  async call(action: Action, key: string, n: number): Promise<void> {
    this.#counts.calls[action] += 1;
    try {
      await this.#act(action, key, n);
    } catch (error) {
      // Kafka is down for a while, or the machine is busy; whatever was or was not written then, all must agree in the end.
      if (!isTidemarkError(error) || !tolerated.has(error.code)) throw error;
      this.#refused(error.code);
    }
  }

  async #act(action: Action, key: string, n: number): Promise<void> {
    const cache = this.#cache;
    switch (action) {
      case 'put':
        return this.#note(key, await cache.put(key, { n }));
      case 'putIfAbsent':
        return this.#note(key, await cache.putIfAbsent(key, { n }));
      case 'putIfVersion': {
        const token = this.#tokens.get(key);
        return this.#note(key, await cache.put(key, { n }, token === undefined ? {} : { ifVersion: token }));
      }
      case 'delete':
        await cache.delete(key);
        return void this.#tokens.delete(key);
      case 'getOrLoad':
        await cache.getOrLoad(key, async () => {
          this.#counts.loads += 1;
          await pause(n % 40);
          return { n };
        });
        return;
      case 'invalidate':
        return cache.invalidate([key]);
      case 'invalidateEverywhere':
        return cache.invalidate([key], { scope: 'everywhere' });
      case 'get':
        return void (await cache.get(key));
    }
  }

  #note(key: string, receipt: WriteReceipt): void {
    if (receipt.applied) this.#tokens.set(key, receipt.token);
    else this.#refused(receipt.reason);
  }

  #refused(how: string): void {
    this.#counts.refused[how] = (this.#counts.refused[how] ?? 0) + 1;
  }
}

const tolerated: ReadonlySet<string> = new Set(['AMBIGUOUS_WRITE', 'PUBLISH_FAILED', 'TIMEOUT', 'WRITE_CONTENDED']);

/** Keys on which the tables differ, or some pod's L1 holds what its region's table does not: `<cache>:<key>`. */
export async function divergent(
  stack: LocalStack,
  pods: readonly Pod[],
  keys: readonly string[],
): Promise<readonly string[]> {
  const tables = new Map<string, ReadonlyMap<string, string>>();
  for (const region of stack.regions) tables.set(region, await readTable(stack, region, keys));
  const differs = (bucket: (typeof buckets)[number], key: string): boolean => {
    const stored = stack.regions.map((region) => tables.get(region)?.get(`${bucket}:${key}`));
    if (new Set(stored).size > 1) return true;
    return pods.some(({ region, caches }) => {
      const cache = caches[bucket];
      const { state } = cache.inspect(key);
      if (state === 'none') return false;
      const held = state === 'absent' ? undefined : JSON.stringify(cache.getIfPresent(key));
      return held !== tables.get(region)?.get(`${bucket}:${key}`);
    });
  };
  const stand = (bucket: (typeof buckets)[number], key: string): string => {
    const stored = stack.regions.map(
      (region) => `${region} ${tables.get(region)?.get(`${bucket}:${key}`) ?? 'nothing'}`,
    );
    const held = pods.map(({ region, caches }) => `pod of ${region} ${JSON.stringify(caches[bucket].inspect(key))}`);
    return `${bucket}:${key}: ${[...stored, ...held].join('; ')}`;
  };
  return buckets.flatMap((bucket) => keys.filter((key) => differs(bucket, key)).map((key) => stand(bucket, key)));
}

/** The values of a region's table by item key; an item without one is a tombstone or a lease. */
async function readTable(
  stack: LocalStack,
  region: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const client = new DynamoDBClient(stack.region(region).dynamodb);
  const values = new Map<string, string>();
  const read = async (itemKey: string): Promise<void> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: { key: { S: itemKey } }, ConsistentRead: true }),
    );
    const value = Item?.['value']?.S;
    if (value !== undefined) values.set(itemKey, JSON.stringify(JSON.parse(value)));
  };
  for (const key of keys) await Promise.all(buckets.map((bucket) => read(`${bucket}:${key}`)));
  client.destroy();
  return values;
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
