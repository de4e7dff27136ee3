import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { type CacheStats, defineCache, isTidemarkError, trust } from '@tidemark/cache';
import { type LocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { CommitLog } from './commit-log.js';
import { closePods, firstTwo, type Item, pause, type Pod, startPods, table } from './pods.js';
import { putToken } from './visible.js';

/** The bound that the cache of this scenario is declared with. */
export const boundMs = 4_000;
/**
 * What the bound does not cover: from a write's commit until its stream accepts it, which no API bounds (in the embedded stack a few
 * milliseconds, more on a busy machine), and the rounding of watermarks to milliseconds. All clocks here are one.
 */
export const allowanceMs = 250;
/** A healthy pipeline keeps a pod's watermark younger than this. */
const healthyMs = 3_000;

const bounded = defineCache({ name: 'bounded', table, schema: trust<Item>(), maxStaleness: `${boundMs}ms` });

export interface StalenessOptions {
  readonly stack: LocalStack;
  /** Whose Kafka is killed. */
  readonly region: string;
  readonly podCount: number;
  /** How long it is down, ms. */
  readonly cutMs: number;
  /** Of load before and after, ms. */
  readonly calmMs: number;
}

export interface StalenessFigure {
  readonly boundMs: number;
  readonly allowanceMs: number;
  readonly cutMs: number;
  readonly writes: number;
  readonly reads: number;
  /** Reads that were served what had certainly been overwritten for longer than bound and allowance. */
  readonly beyond: number;
  readonly failedReads: number;
  /** The oldest value that was served: for how long it had been overwritten, for certain and at most, ms. */
  readonly oldestMs: number;
  readonly oldestAtMostMs: number;
  readonly phases: readonly Phase[];
  /** From the call that restarts Kafka until every pod's staleness is below 3 s again, ms. */
  readonly backMs: number;
  /** What `on('staleness')` told in each pod, in order: `stale` or `fresh`. */
  readonly events: readonly (readonly string[])[];
  /** The states that `health()` told in each pod, in order. */
  readonly states: readonly (readonly string[])[];
  /** What the calls that need Kafka came to while it was down: a code, and after how long. */
  readonly whileDown: Readonly<Record<'whenVisible' | 'invalidate', { readonly code: string; readonly ms: number }>>;
  /** The same in a pod of another region, whose Kafka stays up. */
  readonly otherRegion: { readonly states: readonly string[]; readonly oldestWatermarkMs: number };
}

export interface Phase {
  readonly name: string;
  readonly ms: number;
  /** Reads that L1 served, and those that went to L2: of these, how many although L1 held the key. */
  readonly fromL1: number;
  readonly readThrough: number;
  readonly thoughHeld: number;
}

/** Reads and writes go on in a region whose Kafka dies for a while and comes back; every read is judged. */
export async function measureStaleness(options: StalenessOptions): Promise<StalenessFigure> {
  const { stack, region, podCount } = options;
  const elsewhere = stack.regions.find((name) => name !== region) ?? region;
  const pods = await startPods(stack, region, podCount, { definition: bounded });
  const others = await startPods(stack, elsewhere, 1, { definition: bounded });
  const dynamodb = new DynamoDBClient(stack.region(region).dynamodb);
  const over = new AbortController();
  try {
    await eventually('every pod knows how it stands', () => [...pods, ...others].every(isHealthy), 30_000);
    const load = new BoundedLoad(pods, dynamodb, over.signal);
    await load.seed();
    const work = load.run();
    const story = new Story(pods);
    await story.phase('calm', () => pause(options.calmMs));
    const own = pods.map((pod) => watch(pod, over.signal));
    const [other] = others.map((pod) => watch(pod, over.signal));
    const { backMs, whileDown } = await cutKafka(options, pods, story).finally(() => over.abort());
    await work;
    return {
      ...{ boundMs, allowanceMs, cutMs: options.cutMs, ...load.counts, phases: story.phases, backMs, whileDown },
      events: own.map(({ events }) => events),
      states: own.map(({ states }) => states),
      otherRegion: { states: other?.states ?? [], oldestWatermarkMs: Math.round(other?.oldestMs ?? Number.NaN) },
    };
  } finally {
    over.abort();
    dynamodb.destroy();
    await closePods([...pods, ...others]);
  }
}

/** Kafka down, Kafka up again and every pod back, calm. */
async function cutKafka(
  { stack, region, cutMs, calmMs }: StalenessOptions,
  pods: readonly Pod[],
  story: Story,
): Promise<Pick<StalenessFigure, 'backMs' | 'whileDown'>> {
  await story.phase('cut, within the bound', async () => {
    await stack.kill(region, 'kafka');
    await pause(Math.min(cutMs, boundMs));
  });
  const called = callKafka(firstTwo(pods)[0]);
  await story.phase('cut, beyond it', () => pause(Math.max(0, cutMs - boundMs)));
  const whileDown = await called;
  const backMs = await story.phase('restarted, not back', async () => {
    await stack.restart(region, 'kafka');
    await eventually('every pod’s staleness is below 3 s again', () => pods.every(isHealthy), 90_000);
  });
  await story.phase('back', () => pause(calmMs));
  await eventually('every pod has said so', () => pods.every(({ tidemark }) => tidemark.health().state === 'live'));
  return { backMs, whileDown };
}

/** One second is less than what is left of any outage here. */
async function callKafka(pod: Pod): Promise<StalenessFigure['whileDown']> {
  const token = await putToken(pod, 'down', 1);
  const code = async (call: Promise<unknown>): Promise<{ readonly code: string; readonly ms: number }> => {
    const calledAt = performance.now();
    const outcome = await call.then(
      () => 'no error',
      (error: unknown) => (isTidemarkError(error) ? error.code : String(error)),
    );
    return { code: outcome, ms: Math.round(performance.now() - calledAt) };
  };
  const [whenVisible, invalidate] = await Promise.all([
    code(pod.cache.whenVisible(token, { timeout: '1s' })),
    code(pod.cache.invalidate(['down'], { timeout: '1s' })),
  ]);
  return { whenVisible, invalidate };
}

function isHealthy({ cache }: Pod): boolean {
  return cache.staleness() < healthyMs;
}

/** What happens one after another, and who served the reads meanwhile. */
class Story {
  readonly phases: Phase[] = [];
  readonly #pods: readonly Pod[];

  constructor(pods: readonly Pod[]) {
    this.#pods = pods;
  }

  /** Resolves to how long it took, ms. */
  async phase(name: string, work: () => Promise<void>): Promise<number> {
    const before = totals(this.#pods);
    const startedAt = performance.now();
    await work();
    const ms = Math.round(performance.now() - startedAt);
    const { hits, misses, staleMisses } = totals(this.#pods);
    this.phases.push({
      ...{ name, ms, fromL1: hits - before.hits, readThrough: misses - before.misses },
      thoughHeld: staleMisses - before.staleMisses,
    });
    return ms;
  }
}

type Counts = Pick<CacheStats, 'hits' | 'misses' | 'staleMisses'>;

function totals(pods: readonly Pod[]): Counts {
  const sum = { hits: 0, misses: 0, staleMisses: 0 };
  for (const { cache } of pods) {
    const stats = cache.stats();
    for (const name of ['hits', 'misses', 'staleMisses'] as const) sum[name] += stats[name];
  }
  return sum;
}

interface Watched {
  readonly events: string[];
  readonly states: string[];
  oldestMs: number;
}

/** Notes what a pod says of itself, every time that it says something else. */
function watch({ tidemark, cache }: Pod, signal: AbortSignal): Watched {
  const watched: Watched = { events: [], states: [], oldestMs: 0 };
  const off = cache.on('staleness', ({ stale }) => watched.events.push(stale ? 'stale' : 'fresh'));
  const look = (): void => {
    const { state } = tidemark.health();
    if (watched.states.at(-1) !== state) watched.states.push(state);
    watched.oldestMs = Math.max(watched.oldestMs, cache.staleness());
  };
  look();
  const timer = setInterval(look, 50);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    off();
  });
  return watched;
}

/** Every pod puts keys of its own and reads all of them; a plain client of the SDK puts the rest. */
class BoundedLoad {
  readonly counts = { writes: 0, reads: 0, beyond: 0, failedReads: 0, oldestMs: 0, oldestAtMostMs: 0 };
  readonly #pods: readonly Pod[];
  readonly #dynamodb: DynamoDBClient;
  readonly #signal: AbortSignal;
  readonly #log = new CommitLog();
  readonly #keys: readonly (readonly string[])[];

  constructor(pods: readonly Pod[], dynamodb: DynamoDBClient, signal: AbortSignal) {
    this.#pods = pods;
    this.#dynamodb = dynamodb;
    this.#signal = signal;
    const writers = pods.length + 1;
    this.#keys = Array.from({ length: writers }, (_, writer) =>
      Array.from({ length: 10 }, (_key, i) => `${writer === pods.length ? 'foreign' : `pod-${writer}`}-${i}`),
    );
  }

  /** Every key has a value, and every pod holds it. */
  async seed(): Promise<void> {
    for (const [writer, keys] of this.#keys.entries()) for (const key of keys) await this.#write(writer, key, 0);
    for (const { cache } of this.#pods) await cache.getMany(this.#keys.flat());
  }

  async run(): Promise<void> {
    await Promise.all([
      ...this.#keys.map((keys, writer) => this.#writeAll(writer, keys)),
      ...this.#pods.map((pod) => this.#readAll(pod)),
    ]);
  }

  async #writeAll(writer: number, keys: readonly string[]): Promise<void> {
    for (let n = 1; !this.#signal.aborted; n += 1)
      for (const key of keys) {
        if (this.#signal.aborted) return;
        await this.#write(writer, key, n);
        await pause(30);
      }
  }

  async #write(writer: number, key: string, n: number): Promise<void> {
    const calledAt = performance.now();
    const pod = this.#pods[writer];
    if (pod === undefined)
      await this.#dynamodb.send(
        new PutItemCommand({
          TableName: table,
          Item: { key: { S: `bounded:${key}` }, value: { S: JSON.stringify({ n }) } },
        }),
      );
    else {
      const receipt = await pod.cache.put(key, { n });
      if (!receipt.applied) throw new Error(`nobody else writes ${key}, and yet it was ${receipt.reason}`);
    }
    this.#log.committed(key, n, calledAt, performance.now());
    this.counts.writes += 1;
  }

  /** By every call that reads. */
  async #readAll({ cache }: Pod): Promise<void> {
    const keys = this.#keys.flat();
    for (let turn = 0; !this.#signal.aborted; turn += 1) {
      // Seven is prime to the number of keys: every one is read in turn, neighbours far apart.
      const key = keys[(turn * 7) % keys.length] ?? '';
      const readAt = performance.now();
      try {
        if (turn % 4 === 1) {
          const item = cache.getIfPresent(key);
          if (item !== undefined) this.#judge(key, item, readAt);
        } else if (turn % 4 === 3) {
          const some = [key, ...keys.slice(turn % keys.length).slice(0, 3)];
          const found = await cache.getMany(some);
          for (const each of new Set(some)) this.#judge(each, found.get(each), readAt);
        } else this.#judge(key, await cache.get(key), readAt);
      } catch {
        this.counts.failedReads += 1;
      }
      await pause(2);
    }
  }

  #judge(key: string, item: Item | undefined, readAt: number): void {
    const { certainMs, atMostMs } = this.#log.age(key, item?.n ?? -1, readAt);
    const { counts } = this;
    counts.reads += 1;
    if (certainMs > boundMs + allowanceMs) counts.beyond += 1;
    counts.oldestMs = Math.max(counts.oldestMs, Math.round(certainMs));
    counts.oldestAtMostMs = Math.max(counts.oldestAtMostMs, Math.round(atMostMs));
  }
}
