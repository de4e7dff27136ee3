import { type Load, type LoadOptions } from '@tidemark/cache';
import { type OpenWrite } from '@tidemark/cache/testing';
import { wait } from '@tidemark/runtime';
import { type LivePod } from '../roles/pod-slot.js';
import { type Asked, type OperationContext } from './operations.js';
import { read } from './reads.js';
import { OriginError, tell } from './tell.js';

/** What comes from the origin, and after how long; ms. */
interface Origin {
  readonly kind: 'value' | 'nothing' | 'failure';
  readonly ms: number;
}

/** Under a lease mostly; a load without one asks that the key be absent, and may bring back what was deleted meanwhile. */
export async function getOrLoad(pod: LivePod, { key, amount }: Asked, context: OperationContext): Promise<void> {
  const lease = (amount * 10) % 1 < 0.85;
  const origin = originOf(amount);
  const loads = new Map<string, OpenWrite>();
  const load: Load<string> = async (_key, { signal }) => {
    const condition = { type: lease ? 'untouched' : 'absent' } as const;
    const loading = context.recorder.write({ operation: 'load', pod: pod.life, key, condition });
    loads.set(loading.id, loading);
    context.counters.add(`load: ${origin.kind}`);
    tell(pod, `${loading.id}: loads ${key}, for ${Math.round(origin.ms)} ms: ${origin.kind}`, key, context);
    await wait(pod.process.clock, origin.ms, signal);
    if (origin.kind === 'failure') throw new OriginError('the origin fails');
    return origin.kind === 'value' ? loading.id : undefined;
  };
  const options: LoadOptions = lease ? {} : { lease, expiresIn: '1h' };
  await read(pod, { operation: 'getOrLoad', key }, context, async () => {
    const value = await pod.cache.getOrLoad(key, load, options);
    if (value !== undefined) loads.get(value)?.ended({ type: 'applied' });
    return value;
  });
}

/** Quick, slow, so slow that the call's time is up, failing, or empty. */
function originOf(amount: number): Origin {
  const share = (amount * 100) % 1;
  if (amount < 0.35) return { kind: 'value', ms: 5 + 45 * share };
  if (amount < 0.65) return { kind: 'value', ms: 200 + 2_800 * share };
  if (amount < 0.73) return { kind: 'value', ms: 6_000 + 6_000 * share };
  return { kind: amount < 0.87 ? 'failure' : 'nothing', ms: 5 + 1_000 * share };
}
