import { PodClient } from './pod-client.js';
import { until } from './until.js';
import { type World } from './world.js';

/** One step of the story: does something, checks what follows from it, and says so in a few words. */
export interface Step {
  readonly name: string;
  readonly run: (world: World) => Promise<string>;
}

/** Keys that the story writes: all of them are compared at its end. */
export const storyKeys = (): readonly string[] => [...written].sort();
const written = new Set<string>();

/** Has every pod read the key, so that each holds it (or its absence). */
export async function warm(world: World, name: string): Promise<void> {
  await Promise.all(clients(world).map((pod) => pod.get(name)));
}

/** Reads until every pod holds this value. */
export async function warmUntil(world: World, name: string, roles: readonly string[]): Promise<void> {
  await until(`every pod holds ${name}`, async () => {
    await warm(world, name);
    return every(clients(world), async (pod) => sameRoles((await pod.held([name]))[name]?.value?.roles, roles));
  });
}

/** Every pod's L1 comes to hold this value; pods that dropped the entry in doubt read it again first. */
export async function held(world: World, name: string, roles: readonly string[]): Promise<void> {
  await until(`every pod holds ${name} = ${roles.join('+')}`, () =>
    every(clients(world), async (pod) => {
      const entry = (await pod.held([name]))[name];
      if (entry?.state !== 'value') await pod.get(name);
      return sameRoles(entry?.value?.roles, roles);
    }),
  );
}

export function clients(world: World): PodClient[] {
  return world.regions.flatMap(({ pods }) => pods.map((url) => new PodClient(url)));
}

export async function every<T>(all: readonly T[], test: (one: T) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(all.map(test))).every(Boolean);
}

export function sameRoles(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Names a key of the story. */
export function key(name: string): string {
  written.add(name);
  return name;
}
