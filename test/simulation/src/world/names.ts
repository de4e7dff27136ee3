import { itemKeyOf, parseItemKey, topicNames } from '@tidemark/protocol';

export const regionNames = ['us', 'eu'] as const;
export type RegionName = (typeof regionNames)[number];

export const table = 'things';
/** Bucket of the one cache, which has its name. */
export const bucket = 'things';
export const names = topicNames();

/** Of the pods, by turns. */
export const services = ['shop', 'search'] as const;

export const podsPerRegion = 4;
export const syncsPerRegion = 2;
export const dispatchersPerRegion = 2;
export const adminsPerRegion = 1;

export function itemKey(key: string): string {
  return itemKeyOf(bucket, key);
}

/** The caller's key of an item. */
export function keyOfItem(key: string): string {
  return parseItemKey(key)?.key ?? key;
}

export function otherRegion(region: RegionName): RegionName {
  return region === 'us' ? 'eu' : 'us';
}

export function podNames(region: RegionName): readonly string[] {
  return namesOf(region, 'pod', podsPerRegion);
}

/** The service that a pod belongs to. */
export function serviceOf(pod: string): string {
  return services[Number(pod.slice(-1)) % services.length] ?? services[0];
}

export function syncNames(region: RegionName): readonly string[] {
  return namesOf(region, 'sync', syncsPerRegion);
}

export function dispatcherNames(region: RegionName): readonly string[] {
  return namesOf(region, 'dispatcher', dispatchersPerRegion);
}

export function adminNames(region: RegionName): readonly string[] {
  return namesOf(region, 'admin', adminsPerRegion);
}

export function regionOf(name: string): RegionName {
  const region = regionNames.find((each) => name === each || name.startsWith(`${each}/`));
  if (region === undefined) throw new RangeError(`no region in ${name}`);
  return region;
}

function namesOf(region: RegionName, role: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${region}/${role}-${index}`);
}
