import { type Cluster, type Pod } from '../cluster.js';
import { type Finding, key, type Race, readings, seed } from '../race.js';

const outageMs = 10_000;

export const lostMessage: Race = {
  name: 'one message lost',
  story: 'B holds the value; the message of A’s put never reaches B, a later one of another key does',
  needs: 'bus',
  async run(cluster, fault) {
    const { a, b } = await twoHolders(cluster);
    const lost = fault ? b.bus.lose() : undefined;
    await a.put(key, 'v2');
    await cluster.settle();
    await lost?.reached();
    lost?.release();
    await a.put('another key', 'w1');
    return { expected: 'v2', reads: await readings(cluster, { A: a, B: b }) };
  },
};

export const reorderedMessages: Race = {
  name: 'two messages out of order',
  story: 'B holds the value; A puts twice, and B hears of the second put first',
  needs: 'bus',
  async run(cluster, fault) {
    const { a, b } = await twoHolders(cluster);
    if (fault) b.bus.hold();
    await a.put(key, 'v2');
    await cluster.settle();
    await a.put(key, 'v3');
    await cluster.settle();
    if (fault) b.bus.release('turned round');
    return { expected: 'v3', reads: await readings(cluster, { A: a, B: b }) };
  },
};

export const cutOff: Race = {
  name: 'one pod cut off from the bus for 10 s',
  story: 'B holds the value and loses its connection to the bus; A puts; 10 s later B is connected again',
  needs: 'bus',
  async run(cluster, fault) {
    const { a, b } = await twoHolders(cluster);
    if (fault) b.bus.cut();
    await a.put(key, 'v2');
    await cluster.pass(outageMs);
    const meanwhile = await b.get(key);
    if (fault) b.bus.restore();
    return { expected: 'v2', reads: await readings(cluster, { A: a, B: b }), meanwhile };
  },
};

export const busDown: Race = {
  name: 'the bus down for 10 s',
  story:
    'A and B hold the value and the bus goes down; A puts; 10 s later the bus is back, and what waited to be sent is sent',
  needs: 'bus',
  run: (cluster, fault) => putWhileBusIsDown(cluster, fault, 'waits'),
};

export const busDownPublishingFails: Race = {
  name: 'the bus down for 10 s, publishing fails',
  story: 'the same, but whatever is published meanwhile is refused at once',
  needs: 'bus',
  run: (cluster, fault) => putWhileBusIsDown(cluster, fault, 'fails'),
};

async function putWhileBusIsDown(cluster: Cluster, fault: boolean, publishing: 'waits' | 'fails'): Promise<Finding> {
  const { a, b } = await twoHolders(cluster);
  if (fault) cluster.busDown(publishing);
  // Some libraries hold a put up until it is published.
  const writing = a.put(key, 'v2');
  await cluster.pass(outageMs);
  const meanwhile = await b.get(key);
  if (fault) cluster.busUp();
  await writing;
  return { expected: 'v2', reads: await readings(cluster, { A: a, B: b }), meanwhile };
}

/** L2 holds v1, and so do A and B. */
export async function twoHolders(cluster: Cluster): Promise<{ readonly a: Pod; readonly b: Pod }> {
  await seed(cluster, 'v1');
  const a = await cluster.startPod();
  const b = await cluster.startPod();
  await a.get(key);
  await b.get(key);
  return { a, b };
}
