import { type Cluster, type Pod } from '../cluster.js';
import { type Finding, key, type Race, readings } from '../race.js';
import { Staged } from '../staged.js';
import { twoHolders } from './bus-races.js';

export const lostAcknowledgement: Race = {
  name: 'a write whose acknowledgement is lost',
  story: 'A and B hold the value; A’s put reaches L2, and A is told that the connection broke',
  needs: 'bus',
  async run(cluster, fault) {
    const { a, b } = await twoHolders(cluster);
    const lost = fault ? a.l2.loseNextAcknowledgement() : undefined;
    const refused = await a.put(key, 'v2').then(
      () => undefined,
      (error: unknown) => error,
    );
    await lost?.reached();
    return {
      expected: 'v2',
      reads: await readings(cluster, { A: a, B: b }),
      remark: refused === undefined ? 'the put resolved' : 'the put rejected',
    };
  },
};

export const loadAfterNewerPut: Race = {
  name: 'a load that ends after a newer put',
  story: 'A finds nothing and asks the origin; while the origin answers, A puts a newer value',
  async run(cluster, fault) {
    const a = await cluster.startPod();
    await putDuringLoad(cluster, fault, { loader: a, writer: a });
    return { expected: 'v2', reads: await readings(cluster, { A: a }) };
  },
};

export const loadAfterRemotePut: Race = {
  name: 'a load that ends after a newer remote put',
  story: 'B finds nothing and asks the origin; while the origin answers, A puts a newer value',
  needs: 'bus',
  async run(cluster, fault) {
    const a = await cluster.startPod();
    const b = await cluster.startPod();
    await putDuringLoad(cluster, fault, { loader: b, writer: a });
    return { expected: 'v2', reads: await readings(cluster, { A: a, B: b }) };
  },
};

/** The origin answers v1 after the put of v2 is acknowledged; before it, without the fault. */
async function putDuringLoad(
  cluster: Cluster,
  fault: boolean,
  { loader, writer }: { readonly loader: Pod; readonly writer: Pod },
): Promise<void> {
  const origin = new Staged('a call of the origin');
  const loading = loader.load(key, async () => {
    await origin.meet();
    return 'v1';
  });
  await origin.reached();
  if (!fault) {
    origin.release();
    await loading;
    await cluster.settle();
  }
  await writer.put(key, 'v2');
  await cluster.settle();
  origin.release();
  await loading;
}

export const pausedWriter: Race = {
  name: 'a pod paused in a write and resumed',
  story:
    'B’s put reaches L2 and B stops; A puts a newer value; B goes on, its messages first or its acknowledgement first',
  needs: 'bus',
  async run(cluster, fault) {
    const findings: Finding[] = [];
    for (const first of ['message', 'acknowledgement'] as const) findings.push(await resumeWith(first, cluster, fault));
    const { expected } = findings[0] ?? {};
    return { expected, reads: findings.flatMap(({ reads }) => reads) };
  },
};

async function resumeWith(first: 'message' | 'acknowledgement', cluster: Cluster, fault: boolean): Promise<Finding> {
  const { a, b } = await twoHolders(cluster);
  const acknowledgement = fault ? b.l2.holdNextAcknowledgement() : undefined;
  const writing = b.put(key, 'v2');
  await (acknowledgement?.reached() ?? writing);
  if (fault) b.bus.hold();
  else await cluster.settle();
  await a.put(key, 'v3');
  await cluster.settle();
  const hear = (): void => {
    if (fault) b.bus.release();
  };
  const learn = (): void => acknowledgement?.release();
  for (const step of first === 'message' ? [hear, learn] : [learn, hear]) {
    step();
    await cluster.settle();
  }
  await writing;
  const reads = await readings(cluster, { A: a, B: b });
  return { expected: 'v3', reads: reads.map(({ reader, value }) => ({ reader: `${reader} (${first} first)`, value })) };
}
