import { PodClient } from './pod-client.js';
import { type World } from './world.js';

/** A few reads and a write every second, so that there is something to watch. */
export function gentleLoad(world: World, signal: AbortSignal): void {
  const pods = world.regions.flatMap((region) => region.pods.map((url) => new PodClient(url)));
  let turn = 0;
  const timer = setInterval(() => {
    const pod = pods[turn % pods.length];
    const key = `load-${turn % 10}`;
    turn += 1;
    if (turn % 5 === 0) pod?.put(key, [String(turn)]).catch(() => undefined);
    else pod?.get(key).catch(() => undefined);
  }, 200);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
