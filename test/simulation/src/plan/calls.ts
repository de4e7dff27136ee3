import { type LivePod } from '../roles/pod-slot.js';
import { regionOf } from '../world/names.js';
import { type Asked, type OperationContext } from './operations.js';
import { codeOf, tell } from './tell.js';

/** Of a write of this region, whichever pod made it. */
export async function whenVisible(pod: LivePod, { key, amount }: Asked, context: OperationContext): Promise<void> {
  const known = context.knownWrites.pick(regionOf(pod.life), key, amount);
  if (known === undefined) return;
  const { recorded, token } = known;
  tell(pod, `waits until ${recorded.id} is visible`, key, context);
  const wasInDoubt = context.visibilityInDoubt(pod.life);
  try {
    const { pods, silent } = await pod.cache.whenVisible(token, { timeout: amount < 0.5 ? '5s' : '14s' });
    // Nobody may rely on that.
    if (wasInDoubt || context.visibilityInDoubt(pod.life)) return context.counters.add('write perhaps visible');
    recorded.visible(silent.map(context.lifeOf));
    context.counters.add('write said to be visible');
    tell(pod, `${recorded.id} is visible to ${pods} pods, ${silent.length} are silent`, key, context);
  } catch (error) {
    context.counters.add(`visibility: ${codeOf(error)}`);
    tell(pod, `${recorded.id} is not said to be visible: ${codeOf(error)}`, key, context);
  }
}

/** Without the fast lane a pod reaches others by the items alone, so nothing is said of its region's pods then. */
export function invalidate(scope: 'region' | 'everywhere') {
  return async (pod: LivePod, { key }: Asked, context: OperationContext): Promise<void> => {
    const { config, recorder, counters } = context;
    const mayPublish = config.fastLane;
    const isBegun = mayPublish || scope === 'everywhere';
    const acknowledged = isBegun ? recorder.invalidation(pod.life, key) : () => undefined;
    tell(pod, `invalidates ${key} in ${scope === 'region' ? 'its region' : 'every region'}`, key, context);
    try {
      await pod.cache.invalidate([key], { scope });
      if (mayPublish) acknowledged();
      tell(pod, `has invalidated ${key}`, key, context);
    } catch (error) {
      counters.add(`invalidate: ${codeOf(error)}`);
      tell(pod, `could not invalidate ${key}: ${codeOf(error)}`, key, context);
    }
  };
}
