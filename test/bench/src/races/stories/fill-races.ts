import { type Cluster, type Pod } from '../cluster.js';
import { type Finding, key, type Race, readings, seed } from '../race.js';

export const fillDuringRemoteWrite: Race = {
  name: 'fill during a remote write',
  story: 'B reads L2; before the answer is there, A puts a new value and B hears of it',
  needs: 'bus',
  async run(cluster, fault) {
    await seed(cluster, 'v1');
    const a = await cluster.startPod();
    const b = await cluster.startPod();
    await duringFillOf(b, fault, async () => {
      await a.put(key, 'v2');
      await cluster.settle();
    });
    return { expected: 'v2', reads: await readings(cluster, { A: a, B: b }) };
  },
};

export const fillDuringOwnWrite: Race = {
  name: 'fill during a write of the same pod',
  story: 'A reads L2; before the answer is there, A itself puts a new value',
  async run(cluster, fault) {
    await seed(cluster, 'v1');
    const a = await cluster.startPod();
    await duringFillOf(a, fault, () => a.put(key, 'v2'));
    return { expected: 'v2', reads: await readings(cluster, { A: a }) };
  },
};

export const fillDuringClear: Race = {
  name: 'fill during a clear',
  story: 'A reads L2; before the answer is there, A clears the cache',
  run: (cluster, fault) => clearDuringFill(cluster, fault, { sameConnection: true }),
};

export const fillDuringRemoteClear: Race = {
  name: 'fill during a remote clear',
  story: 'B reads L2; before the answer is there, A clears the cache and B hears of it',
  needs: 'remote clear',
  run: (cluster, fault) => clearDuringFill(cluster, fault, { sameConnection: false }),
};

async function clearDuringFill(
  cluster: Cluster,
  fault: boolean,
  { sameConnection }: { readonly sameConnection: boolean },
): Promise<Finding> {
  await seed(cluster, 'v1');
  const a = await cluster.startPod();
  const reader = sameConnection ? a : await cluster.startPod();
  await duringFillOf(reader, fault, async () => {
    await a.clear();
    await cluster.settle();
  });
  return { expected: undefined, reads: await readings(cluster, sameConnection ? { A: a } : { A: a, B: reader }) };
}

/** `happening` takes place between the moment when L2 answers the pod's read and the moment when the pod gets the answer; after it, without the fault. */
async function duringFillOf(pod: Pod, fault: boolean, happening: () => Promise<void>): Promise<void> {
  const answer = fault ? pod.l2.holdNextRead() : undefined;
  const reading = pod.get(key);
  await (answer?.reached() ?? reading);
  await happening();
  answer?.release();
  await reading;
}
