import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { isTidemarkError } from '@tidemark/cache';
import { type LocalStack } from '@tidemark/local-stack';
import { ChildPod } from './child-pod.js';
import { firstTwo, type Pod, table } from './pods.js';
import { type Quantiles, quantiles } from './quantiles.js';

export interface OneLoadFigure {
  readonly keys: number;
  readonly callers: number;
  /** Loaders that ran, of all pods, for each key that was loaded by other than one. */
  readonly loadsOtherThanOne: number;
  /** Callers that were given another value than the one that was loaded. */
  readonly differing: number;
  /** Of one key, until every pod has it. */
  readonly time: Quantiles;
}

/** Every pod of the region asks for the same cold key at the same moment, for one key after another. */
export async function loadAtOnce(pods: readonly Pod[], keys: number): Promise<OneLoadFigure> {
  const times: number[] = [];
  let loadsOtherThanOne = 0;
  let differing = 0;
  for (let i = 0; i < keys; i += 1) {
    let loads = 0;
    const load = async (): Promise<{ n: number }> => {
      loads += 1;
      const n = i * 1_000 + loads;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { n };
    };
    const startedAt = performance.now();
    const found = await Promise.all(pods.map(({ cache }) => cache.getOrLoad(`cold-${i}`, load)));
    times.push(performance.now() - startedAt);
    if (loads !== 1) loadsOtherThanOne += 1;
    differing += found.filter((item) => item?.n !== i * 1_000 + 1).length;
  }
  return { keys, callers: pods.length, loadsOtherThanOne, differing, time: quantiles(times) };
}

export interface SlowLoadFigure {
  readonly rounds: number;
  /** Slow loads whose value is in the table, or was handed out, although another pod had put a newer one meanwhile. */
  readonly overwrote: number;
}

/** A load begins, another pod puts (or puts and deletes, every other round), the load ends. */
export async function loadSlowly(stack: LocalStack, pods: readonly Pod[], rounds: number): Promise<SlowLoadFigure> {
  const [loader, writer] = firstTwo(pods);
  let overwrote = 0;
  for (let i = 0; i < rounds; i += 1) {
    const key = `slow-${i}`;
    let end: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (end = resolve));
    let begun: () => void = () => undefined;
    const loading = new Promise<void>((resolve) => (begun = resolve));
    let loads = 0;
    const loaded = loader.cache.getOrLoad(key, async () => {
      loads += 1;
      // What is loaded first was read at the origin before the other pod's write; what is loaded again, after it.
      const n = loads === 1 ? -1 : 2;
      begun();
      if (loads === 1) await gate;
      return { n };
    });
    await loading;
    await writer.cache.put(key, { n: 1 });
    if (i % 2 === 1) await writer.cache.delete(key);
    end();
    const expected = i % 2 === 1 ? 2 : 1;
    if ((await loaded)?.n !== expected || (await storedIn(stack, loader.region, key)) !== expected) overwrote += 1;
  }
  return { rounds, overwrote };
}

async function storedIn(stack: LocalStack, region: string, key: string): Promise<number | undefined> {
  const client = new DynamoDBClient(stack.region(region).dynamodb);
  try {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: { key: { S: `items:${key}` } }, ConsistentRead: true }),
    );
    const value = Item?.['value']?.S;
    return value === undefined ? undefined : (JSON.parse(value) as { readonly n: number }).n;
  } finally {
    client.destroy();
  }
}

export interface TakeOverFigure {
  readonly leaseMs: number;
  /** From the kill of the pod that held the lease until another pod's caller had the value, ms. */
  readonly takenOverMs: number;
  /** Calls that failed until then, by their codes: a caller waits no longer than its own `loadTimeout`. */
  readonly failures: readonly string[];
}

/** A pod is killed while its loader runs; another takes over when the lease has run out. */
export async function takeOver(
  stack: LocalStack,
  [pod]: readonly Pod[],
  leaseMs: number,
  key: string,
): Promise<TakeOverFigure> {
  if (pod === undefined) throw new Error('the scenario needs a pod');
  const child = await ChildPod.start(stack, pod.region, { service: 'loader', loadTimeout: `${leaseMs}ms` });
  try {
    await child.loadForEver(key);
    await child.kill();
    const killedAt = performance.now();
    const failures: string[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      try {
        const found = await pod.cache.getOrLoad(key, async () => ({ n: 7 }));
        if (found?.n !== 7) throw new Error(`the caller was given ${JSON.stringify(found)}`);
        return { leaseMs, takenOverMs: Math.round(performance.now() - killedAt), failures };
      } catch (error) {
        if (!isTidemarkError(error) || !error.retriable) throw error;
        failures.push(error.code);
      }
    }
    throw new Error(`nobody took over: ${failures.join(', ')}`);
  } finally {
    await child.kill();
  }
}
