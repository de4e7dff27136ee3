import { aws, type AwsOptions } from '@tidemark/aws';
import { type Cache, type CacheDefinition, createTidemark, defineCache, type Tidemark, trust } from '@tidemark/cache';

/** `n` grows by one with every write of a key, so a value tells by itself which write it is. */
export interface Item {
  readonly n: number;
}

export const table = 'items';
export const items = defineCache({ name: 'items', table, schema: trust<Item>() });

/** A stack, or whoever else knows where a region is. */
export interface RegionSource {
  region(name: string): Required<Pick<AwsOptions, 'kafka' | 'dynamodb' | 'topicPrefix'>>;
}

export interface Pod {
  readonly region: string;
  readonly tidemark: Tidemark;
  readonly cache: Cache<Item>;
}

export interface PodOptions {
  /** Default `items`. */
  readonly definition?: CacheDefinition<Item>;
  /** Default `coherence`. */
  readonly service?: string;
  readonly fastLane?: boolean;
}

/** Pods of one region, live. */
export async function startPods(
  stack: RegionSource,
  region: string,
  count: number,
  options: PodOptions = {},
): Promise<readonly Pod[]> {
  const pods = Array.from({ length: count }, () => makePod(stack, region, options));
  try {
    await Promise.all(pods.map(({ tidemark }) => tidemark.start()));
    for (const { tidemark } of pods) {
      const { state } = tidemark.health();
      if (state !== 'live') throw new Error(`a pod of ${region} is ${state}, not live, after its start`);
    }
    return pods;
  } catch (error) {
    await closePods(pods);
    throw error;
  }
}

export async function closePods(pods: readonly Pod[]): Promise<void> {
  await Promise.all(pods.map(({ tidemark }) => tidemark.close()));
}

function makePod(stack: RegionSource, region: string, options: PodOptions): Pod {
  const { definition = items, service = 'coherence', fastLane = true } = options;
  const { kafka, dynamodb, topicPrefix } = stack.region(region);
  const tidemark = createTidemark({
    service,
    fastLane,
    backend: aws({ region, kafka, dynamodb, topicPrefix }),
    caches: [definition],
    startDeadline: '30s',
  });
  return { region, tidemark, cache: tidemark.cache(definition) };
}

/** The pods of a scenario that has at least two. */
export function firstTwo(pods: readonly Pod[]): readonly [Pod, Pod] {
  const [first, second] = pods;
  if (first === undefined || second === undefined) throw new Error('the scenario needs two pods');
  return [first, second];
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
