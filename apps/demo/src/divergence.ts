import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { PodClient } from './pod-client.js';
import { type RegionWorld, type World } from './world.js';

/** Keys on which the regions' tables differ, or on which some pod's L1 holds something else than its region's table. */
export async function divergentKeys(world: World, keys: readonly string[]): Promise<readonly string[]> {
  const tables = await Promise.all(world.regions.map((region) => readTable(region, keys)));
  const held = await Promise.all(
    world.regions.map((region) => Promise.all(region.pods.map((url) => new PodClient(url).held(keys)))),
  );
  return keys.filter((key) => {
    const stored = tables.map((table) => table.get(key));
    if (new Set(stored).size > 1) return true;
    return held.some(
      (pods, region) =>
        pods.some(
          (pod) =>
            pod[key]?.state === 'value' &&
            pod[key].source !== 'local' &&
            JSON.stringify(pod[key].value) !== stored[region],
        ) || pods.some((pod) => pod[key]?.state === 'absent' && stored[region] !== undefined),
    );
  });
}

/** Key → value, as JSON in one spelling. */
async function readTable(region: RegionWorld, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const table = new Map<string, string>();
  for (const key of keys) {
    const { Item } = await region.dynamodb.send(
      new GetItemCommand({ TableName: 'permissions', Key: { key: { S: `permissions:${key}` } }, ConsistentRead: true }),
    );
    const value = Item?.['value']?.S;
    if (value !== undefined) table.set(key, JSON.stringify(JSON.parse(value)));
  }
  return table;
}
