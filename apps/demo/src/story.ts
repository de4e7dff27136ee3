import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import assert from 'node:assert/strict';
import { callSteps } from './call-steps.js';
import { PodClient } from './pod-client.js';
import { clients, every, held, key, type Step, warm, warmUntil } from './story-parts.js';
import { until } from './until.js';
import { type RegionWorld, type Role, type World } from './world.js';

export const story: readonly Step[] = [
  { name: 'a put is seen in every pod of both regions', run: putSeenEverywhere },
  { name: 'a delete empties every pod', run: deleteSeenEverywhere },
  { name: 'a put by a plain AWS SDK client is followed, too', run: foreignPut },
  { name: 'localPut stays in its pod, and any event drops it', run: localPut },
  { name: 'getMany takes hits from L1 and reads the rest', run: getMany },
  { name: 'concurrent puts in both regions converge', run: concurrentPuts },
  ...callSteps,
  { name: 'sync killed while writing: nothing lost', run: (world) => killedWhileWriting(world, 'sync') },
  { name: 'dispatcher killed while writing: nothing lost', run: (world) => killedWhileWriting(world, 'dispatcher') },
  { name: 'Kafka restarted while writing: nothing lost', run: (world) => killedWhileWriting(world, 'kafka') },
  { name: 'a new route starts to deliver', run: newRoute },
];

async function putSeenEverywhere(world: World): Promise<string> {
  const pods = clients(world);
  await pods[0]?.put(key('app-1'), ['admin']);
  await warmUntil(world, 'app-1', ['admin']);
  const before = await fills(pods);
  await pods[0]?.put('app-1', ['admin', 'editor']);
  await held(world, 'app-1', ['admin', 'editor']);
  return `${pods.length} pods hold the new value, ${(await fills(pods)) - before} of them read it again`;
}

async function fills(pods: readonly PodClient[]): Promise<number> {
  return (await Promise.all(pods.map((pod) => pod.overview()))).reduce((sum, { stats }) => sum + stats.fills, 0);
}

async function deleteSeenEverywhere(world: World): Promise<string> {
  const pods = clients(world);
  await pods.at(-1)?.delete('app-1');
  await until('no pod has app-1', () =>
    every(pods, async (pod) => (await pod.held(['app-1']))['app-1']?.state !== 'value'),
  );
  for (const pod of pods) assert.equal(await pod.get('app-1'), undefined);
  return 'deleted in the other region, gone in all';
}

async function foreignPut(world: World): Promise<string> {
  const [region] = world.regions;
  await clients(world)[0]?.put(key('app-2'), ['mine']);
  await warmUntil(world, 'app-2', ['mine']);
  await region?.dynamodb.send(
    new PutItemCommand({
      TableName: 'permissions',
      Item: { key: { S: 'permissions:app-2' }, value: { S: '{"roles":["from the console"]}' } },
    }),
  );
  await until('every pod reads the foreign value', () =>
    every(clients(world), async (pod) => (await pod.get('app-2'))?.roles[0] === 'from the console'),
  );
  return 'no write id, no library: dropped everywhere, read again';
}

async function localPut(world: World): Promise<string> {
  const [first, second] = clients(world);
  assert.ok(first !== undefined && second !== undefined);
  await first.put(key('app-3'), ['shared']);
  await warmUntil(world, 'app-3', ['shared']);
  await first.localPut('app-3', ['only here']);
  assert.deepEqual((await first.get('app-3'))?.roles, ['only here']);
  assert.deepEqual((await second.get('app-3'))?.roles, ['shared']);
  await second.put('app-3', ['shared again']);
  await until('the local value is gone', async () => (await first.get('app-3'))?.roles[0] === 'shared again');
  return 'one pod saw it; the next change took it away';
}

async function getMany(world: World): Promise<string> {
  const [first, second] = clients(world);
  assert.ok(first !== undefined && second !== undefined);
  const keys = ['many-1', 'many-2', 'many-3', 'many-4'].map(key);
  for (const name of keys.slice(0, 3)) await first.put(name, [name]);
  await second.get('many-1');
  const before = await second.overview();
  const found = await second.getMany(keys);
  const after = await second.overview();
  assert.deepEqual(Object.keys(found).sort(), keys.slice(0, 3));
  const hits = after.stats.hits - before.stats.hits;
  const reads = after.stats.fills - before.stats.fills;
  assert.deepEqual([hits, reads], [1, 3]);
  return `${hits} hit, ${reads} read in one batch, 1 of them absent`;
}

async function concurrentPuts(world: World): Promise<string> {
  const keys = Array.from({ length: 20 }, (_, i) => key(`race-${i}`));
  const writers = world.regions.map((region) => new PodClient(region.pods[0] ?? ''));
  await Promise.all(writers.flatMap((writer, i) => keys.map((name) => writer.put(name, [`region ${i}`]))));
  await world.quiesce(20_000);
  const values = await Promise.all(clients(world).map((pod) => pod.getMany(keys)));
  for (const name of keys)
    assert.equal(new Set(values.map((found) => JSON.stringify(found[name]))).size, 1, `${name} differs`);
  return `${keys.length} keys, ${writers.length} writers each, one value everywhere`;
}

/** Writes all the while a role of the first region is dead and comes back; then every pod must have every last value. */
async function killedWhileWriting(world: World, role: Role): Promise<string> {
  const [region] = world.regions;
  assert.ok(region !== undefined);
  const keys = Array.from({ length: 10 }, (_, i) => key(`${role}-${i}`));
  const writer = new PodClient(region.pods[0] ?? '');
  for (const name of keys) await writer.put(name, ['before']);
  for (const pod of clients(world)) await pod.getMany(keys);
  const writing = new AbortController();
  const last = new Map<string, string>();
  const load = writeUntil(writer, keys, last, writing.signal);
  load.catch(() => undefined); // It is awaited below; until then its failure is nobody's.
  let recoveryMs: number;
  try {
    await world.kill(region.name, role);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await world.restart(region.name, role);
    const backAt = Date.now();
    await until('the pods know of all that was written before the restart', () => caughtUpWith(region, backAt), 60_000);
    recoveryMs = Date.now() - backAt;
    await new Promise((resolve) => setTimeout(resolve, 300));
  } finally {
    writing.abort();
  }
  const writes = await load;
  await world.quiesce(60_000);
  for (const pod of clients(world)) {
    const found = await pod.getMany(keys);
    for (const name of keys) assert.equal(found[name]?.roles[0], last.get(name), `${name} in ${pod.url}`);
  }
  return `${writes} puts meanwhile, all there; delivering again ${Math.round(recoveryMs)} ms after the restart`;
}

async function writeUntil(
  writer: PodClient,
  keys: readonly string[],
  last: Map<string, string>,
  signal: AbortSignal,
): Promise<number> {
  let writes = 0;
  while (!signal.aborted) {
    const name = keys[writes % keys.length] ?? '';
    writes += 1;
    await writer.put(name, [String(writes)]);
    last.set(name, String(writes));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return writes;
}

/** Whether every pod of the region has a watermark past `at` (ms since the epoch): the pipeline works again, and has delivered what came before. */
async function caughtUpWith(region: RegionWorld, at: number): Promise<boolean> {
  return every(region.pods, async (url) => {
    const { stalenessMs } = await new PodClient(url).overview();
    return stalenessMs !== null && Date.now() - stalenessMs >= at;
  });
}

async function newRoute(world: World): Promise<string> {
  const [region] = world.regions;
  assert.ok(region !== undefined);
  const url = `${region.adminUrl}/api/v1/routes/permissions`;
  const current = await fetch(url);
  const etag = current.headers.get('etag') ?? '';
  const topic = `${world.topicPrefixOf(region.name)}.cache.permissions-v2`;
  const answer = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'if-match': etag },
    body: JSON.stringify({ topics: [topic] }),
  });
  assert.equal(answer.status, 200, await answer.text());
  const pods = region.pods.map((pod) => new PodClient(pod));
  await until('every pod of the region follows the new topic', () =>
    every(pods, async (pod) => {
      const followed = await pod.followed();
      return followed?.topic === topic && followed.live;
    }),
  );
  await warm(world, key('app-4'));
  await pods[0]?.put('app-4', ['over the new topic']);
  await warmUntil(world, 'app-4', ['over the new topic']);
  await pods[0]?.put('app-4', ['again']);
  await held(world, 'app-4', ['again']);
  return `${pods.length} pods moved to ${topic}`;
}
