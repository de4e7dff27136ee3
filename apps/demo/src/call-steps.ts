import assert from 'node:assert/strict';
import { PodClient } from './pod-client.js';
import { clients, every, key, type Step, warm } from './story-parts.js';
import { until } from './until.js';
import { type World } from './world.js';

/** What a caller can ask for beyond getting and putting. */
export const callSteps: readonly Step[] = [
  { name: 'a put says when every pod of its region reads it', run: visiblePut },
  { name: 'a token: no pod reads anything older', run: tokens },
  { name: 'pods that load one key at once make one load', run: oneLoad },
  { name: 'invalidate empties every pod of the region', run: invalidate },
];

const visibleWithin = '5s';

async function visiblePut(world: World): Promise<string> {
  const pods = home(world);
  const [writer, ...others] = pods;
  assert.ok(writer !== undefined);
  await writer.put(key('app-5'), ['before']);
  await warm(world, 'app-5');
  const startedAt = performance.now();
  const { visible } = await writer.put('app-5', ['after'], visibleWithin);
  const ms = Math.round(performance.now() - startedAt);
  const read = await Promise.all(others.map((pod) => pod.get('app-5')));
  for (const permission of read) assert.deepEqual(permission?.roles, ['after']);
  assert.deepEqual(visible, { pods: pods.length, silent: [] });
  return `written, and read by ${visible.pods} pods, after ${ms} ms`;
}

async function tokens(world: World): Promise<string> {
  const [writer, reader] = home(world);
  assert.ok(writer !== undefined && reader !== undefined);
  const rounds = 20;
  await reader.get(key('app-6'));
  for (let n = 1; n <= rounds; n += 1) {
    assert.equal(await putAndRead(writer, reader, 'app-6', String(n)), String(n));
  }
  return `${rounds} puts, each read in another pod right away`;
}

async function putAndRead(writer: PodClient, reader: PodClient, name: string, role: string): Promise<string> {
  const { token } = await writer.put(name, [role]);
  return (await reader.get(name, token))?.roles[0] ?? 'nothing';
}

async function oneLoad(world: World): Promise<string> {
  const pods = home(world);
  const loads = async (): Promise<number> =>
    (await Promise.all(pods.map((pod) => pod.overview()))).reduce((sum, { stats }) => sum + stats.loads, 0);
  const before = await loads();
  const loaded = await Promise.all(pods.map((pod) => pod.load(key('app-7'))));
  assert.equal(new Set(loaded.map((permission) => JSON.stringify(permission))).size, 1);
  assert.equal((await loads()) - before, 1);
  return `${pods.length} pods asked, one of them loaded`;
}

async function invalidate(world: World): Promise<string> {
  const pods = home(world);
  const away = clients(world).slice(pods.length);
  const [caller] = pods;
  assert.ok(caller !== undefined);
  const holds = async (pod: PodClient): Promise<boolean> => (await pod.held(['app-8']))['app-8']?.state === 'value';
  await caller.put(key('app-8'), ['kept']);
  await world.quiesce(20_000);
  await until('every pod holds app-8', async () => {
    await warm(world, 'app-8');
    return every(clients(world), holds);
  });
  await caller.invalidate('app-8');
  await until('no pod of the region holds app-8', () => every(pods, async (pod) => !(await holds(pod))));
  assert.ok(await every(away, holds), 'a pod of another region lost it, too');
  return `gone in ${pods.length} pods, kept in the other region’s ${away.length}`;
}

function home({ regions }: World): PodClient[] {
  return (regions[0]?.pods ?? []).map((url) => new PodClient(url));
}
