import { type GetOptions } from '@tidemark/cache';
import { isTidemarkError } from '@tidemark/runtime';
import { type LivePod } from '../roles/pod-slot.js';
import { otherRegion, regionOf } from '../world/names.js';
import { type KnownWrite } from './known-writes.js';
import { type Asked, type OperationContext } from './operations.js';
import { codeOf, tell } from './tell.js';

/** One key, and what is to be known of the answer beforehand. */
export interface AskedRead {
  readonly operation: string;
  readonly key: string;
  /** As the call asks for it, ms; `undefined`: as the cache does. */
  readonly maxStalenessMs?: number | undefined;
  readonly atLeast?: KnownWrite | undefined;
}

export function get(pod: LivePod, { key }: Asked, context: OperationContext): Promise<void> {
  return read(pod, { operation: 'get', key }, context, () => pod.cache.get(key));
}

/** With a bound of the call's own: none at all, one that L1 may keep, or one that it can keep on a good day. */
export function getFresh(pod: LivePod, { key, amount }: Asked, context: OperationContext): Promise<void> {
  const maxStalenessMs = boundOf(amount);
  const options: GetOptions = { maxStaleness: `${maxStalenessMs}ms` };
  return read(pod, { operation: 'get', key, maxStalenessMs }, context, () => pod.cache.get(key, options));
}

/** With the token of a write, which another region refuses. */
export function getAtLeast(pod: LivePod, { key, amount }: Asked, context: OperationContext): Promise<void> {
  const own = regionOf(pod.life);
  const region = amount < 0.05 ? otherRegion(own) : own;
  const write = context.knownWrites.pick(region, key, amount);
  const atLeast = region === own ? write : undefined;
  const options: GetOptions = write === undefined ? {} : { atLeast: write.token };
  return read(pod, { operation: 'get', key, atLeast }, context, () => pod.cache.get(key, options));
}

export async function getMany(pod: LivePod, { keys, amount }: Asked, context: OperationContext): Promise<void> {
  const { cache, life } = pod;
  const asksForFresh = amount > 0.8;
  const maxStalenessMs = asksForFresh ? boundOf((amount - 0.8) * 5) : undefined;
  const reads = keys.map((key) => {
    const call = { ...callOf({ operation: 'getMany', key, maxStalenessMs }, context), pod: life };
    return { key, read: context.recorder.read({ ...call, watermark: cache.inspect(key).watermark }) };
  });
  const end = (found: ReadonlyMap<string, string>, missing: ReadonlySet<string>, error: string): void => {
    for (const { key, read } of reads) {
      const value = found.get(key) ?? null;
      if (missing.has(key)) read.failed(error);
      else read.served(value, 'unknown');
      tell(pod, `${read.id}: getMany ${key}: ${missing.has(key) ? error : (value ?? 'nothing')}`, key, context);
    }
  };
  const options = maxStalenessMs === undefined ? {} : ({ maxStaleness: `${maxStalenessMs}ms` } as const);
  try {
    end(await cache.getMany(keys, options), new Set(), '');
  } catch (error) {
    const { found, missing } = partOf(error, keys);
    end(found, missing, codeOf(error));
  }
}

/** Records what came of asking for one key. */
export async function read(
  pod: LivePod,
  asked: AskedRead,
  context: OperationContext,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  const { cache, life } = pod;
  const { operation, key } = asked;
  const { watermark } = cache.inspect(key);
  const recorded = context.recorder.read({ ...callOf(asked, context), pod: life, watermark });
  const { hits } = cache.stats();
  const answer = ask();
  const from = cache.stats().hits > hits ? 'l1' : 'l2';
  try {
    const value = (await answer) ?? null;
    recorded.served(value, from);
    tell(pod, `${recorded.id}: ${operation} ${key}: ${value ?? 'nothing'} from ${from}`, key, context);
  } catch (error) {
    recorded.failed(codeOf(error));
    tell(pod, `${recorded.id}: ${operation} ${key} fails: ${codeOf(error)}`, key, context);
  }
}

function callOf({ operation, key, maxStalenessMs, atLeast }: AskedRead, { config }: OperationContext) {
  const boundMs = maxStalenessMs ?? config.maxStalenessMs ?? undefined;
  return { operation, key, maxStalenessMs: boundMs, atLeast: atLeast?.recorded.id };
}

function boundOf(amount: number): number {
  return [0, 300, 2_000, 5_000][Math.floor(amount * 4)] ?? 0;
}

/** What a failed `getMany` found all the same. */
function partOf(
  error: unknown,
  keys: readonly string[],
): { readonly found: ReadonlyMap<string, string>; readonly missing: ReadonlySet<string> } {
  if (!isTidemarkError(error, 'PARTIAL_READ')) return { found: new Map(), missing: new Set(keys) };
  const { found, missing } = error as unknown as { found: ReadonlyMap<string, string>; missing: readonly string[] };
  return { found, missing: new Set(missing) };
}
