import { type AttributeValue, DeleteItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { checkHistory } from '@tidemark/cache/testing';
import { type Random, seededRandom } from '@tidemark/local-stack';
import { wait, systemClock } from '@tidemark/runtime';
import { type Scenario, scriptOf } from './plan/scenarios.js';
import { describeStep, links, type Role, roles, type Step } from './plan/step.js';
import { Recoveries } from './recoveries.js';
import { cacheName, machineMs, table } from './pod-protocol.js';
import { limits, type Outcome } from './verdict.js';
import { type ChaosWorld, region } from './world/chaos-world.js';
import { doDeed, healAll } from './world/do-deed.js';

export interface PlayOptions {
  readonly seed: number;
  /** Keys that are called; default 40. */
  readonly keys?: number;
  /** Waits after healing until each verdict is out of time; default those of the limits, and half as much again. */
  readonly patience?: number;
  /** The load lasts at least so long; default half a second longer than the script. */
  readonly lastsMs?: number;
  /** Of the pods' loads; default 20 ms. */
  readonly pauseMs?: number;
  /** Calls keys of this name, whatever earlier scenarios have left in them; default: new ones. */
  readonly sameKeys?: string;
}

export interface Played {
  readonly script: readonly string[];
  readonly outcome: Outcome;
  /** Changes of the route that came to their end. */
  readonly routeChanges: number;
  /** Of each role that was hit, the longest time from what put it right until it worked again, ms; `null`: not while it was waited for. */
  readonly recoveryMs: Readonly<Partial<Record<Role, number | null>>>;
}

const lookMs = 100;

/** Plays a scenario's script under load, heals, and waits for what has to be right then. The world is as good as new afterwards. */
export async function playScenario(world: ChaosWorld, scenario: Scenario, options: PlayOptions): Promise<Played> {
  const { seed, keys: count = 40, patience = 1.5, sameKeys } = options;
  const script = scriptOf(scenario, seed);
  const keyName = sameKeys ?? `${scenario.name.replaceAll(/\W+/g, '-')}-${seed}`;
  const keys = Array.from({ length: count }, (_, n) => `${keyName}-${n}`);
  world.newHistory();
  if (sameKeys !== undefined) await noteWhatIsThere(world);
  const { gaps: gapsBefore } = world.witness;
  const before = world.pods.map((pod) => pod.life);
  const recoveries = new Recoveries(world, limits.caughtUpMs * patience);
  await play(world, { ...options, script, keys, recoveries });
  const healedMs = machineMs();
  for (const link of links) world.proxy(link).heal();
  await healAll(world, roles);
  await whenAllLive(world, limits.caughtUpMs * patience);
  const liveMs = machineMs();
  await Promise.all(world.pods.map((pod) => pod.rest()));
  const writtenAt = Date.now();
  const moving = world.mover.rest();
  const agreement = await agree(world, keys, liveMs, limits.agreedMs * patience);
  const caughtUpMs = await caughtUp(world, writtenAt, healedMs, limits.caughtUpMs * patience);
  const { ended: routeChanges, problems: unmoved } = await moving;
  const events = await eventsOf(world);
  await witnessRest(world, keys);
  const history = world.log.history();
  const lost = await world.witness.lost(history, { gapsBefore, timeoutMs: limits.agreedMs * patience });
  const skewMs = skewOf(script);
  const { longestMs: recoveryMs, unready } = await recoveries.all();
  return {
    script: [...script.map(describeStep), `pods ${before.join(', ')}`],
    routeChanges,
    recoveryMs,
    outcome: {
      ...agreement,
      ...{ caughtUpMs, lost, unmoved, unready },
      violations: checkHistory(history, { skewMs }),
      unhandled: roles.flatMap((role) => world.process(role).unhandled.splice(0)),
      deaths: roles.flatMap((role) => world.process(role).deaths.splice(0)),
      reads: history.reads.length,
      writes: history.writes.length,
      events,
    },
  };
}

/** A new history begins with what the table holds. */
async function noteWhatIsThere(world: ChaosWorld): Promise<void> {
  const items = await readItems(world);
  world.witness.forgetAllBut(items.flatMap(({ writeId }) => writeId?.S ?? []));
  for (const newItem of items)
    world.log.applied({ region, table, keys: { key: newItem.key }, newItem, isReplicated: false })?.();
}

interface Play extends Pick<PlayOptions, 'seed' | 'lastsMs' | 'pauseMs'> {
  readonly script: readonly Step[];
  readonly keys: readonly string[];
  readonly recoveries: Recoveries;
}

/** The script, with every pod and a foreign writer calling meanwhile; half a second longer than its last step. */
async function play(
  world: ChaosWorld,
  { script, keys, seed, recoveries, lastsMs = 0, pauseMs = 20 }: Play,
): Promise<void> {
  const over = new AbortController();
  for (const [index, pod] of world.pods.entries()) pod.load({ keys, seed: seed * 10 + index * 2, pauseMs });
  const foreign = writeBeside(world, keys, seededRandom(seed), over.signal);
  const startMs = machineMs();
  try {
    for (const { atMs, deed } of script) {
      await wait(systemClock, Math.max(0, startMs + atMs - machineMs()));
      await doDeed(world, deed);
      recoveries.note(deed);
    }
    await wait(systemClock, Math.max(500, startMs + lastsMs - machineMs()));
  } finally {
    over.abort();
    await foreign;
  }
}

/** Somebody who knows nothing of Tidemark. */
async function writeBeside(
  { dynamodb }: ChaosWorld,
  keys: readonly string[],
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  for (let n = 0; !signal.aborted; n += 1) {
    const key = { S: `${cacheName}:${keys[Math.floor(random() * keys.length)]}` };
    const value = { S: JSON.stringify(`foreign-${keys[0]}-${n}`) };
    const command =
      random() < 0.2
        ? new DeleteItemCommand({ TableName: table, Key: { key } })
        : new PutItemCommand({ TableName: table, Item: { key, value } });
    await dynamodb.send(command as PutItemCommand).catch(() => undefined);
    await wait(systemClock, 50 + random() * 100, signal);
  }
}

async function whenAllLive(world: ChaosWorld, timeoutMs: number): Promise<void> {
  const endMs = machineMs() + timeoutMs;
  while (!world.pods.every((pod) => pod.isLive) && machineMs() < endMs) await wait(systemClock, lookMs);
}

async function agree(
  world: ChaosWorld,
  keys: readonly string[],
  liveMs: number,
  timeoutMs: number,
): Promise<Pick<Outcome, 'agreedMs' | 'divergent'>> {
  for (;;) {
    const divergent = await divergentKeys(world, keys);
    const sinceMs = machineMs() - liveMs;
    if (divergent.length === 0) return { agreedMs: sinceMs, divergent };
    if (sinceMs > timeoutMs) return { agreedMs: null, divergent };
    await wait(systemClock, lookMs);
  }
}

/** Keys of which some pod serves other than what the table holds, with who serves what. */
async function divergentKeys(world: ChaosWorld, keys: readonly string[]): Promise<readonly string[]> {
  const stored = await readTable(world);
  const served = await Promise.all(
    world.pods.map(async (pod) => ({ life: pod.life, ...(await pod.ask({ do: 'serve', keys, isRecorded: false })) })),
  );
  return keys.flatMap((key) => {
    const right = stored.get(key) ?? null;
    const wrong = served.filter(({ values }) => values?.[key] !== right);
    const said = wrong.map(({ life, values, errors }) => `${life} ${String(errors?.[key] ?? values?.[key])}`);
    return wrong.length === 0 ? [] : [`${key}: stored ${right}, served ${said.join(', ')}`];
  });
}

async function readTable(world: ChaosWorld): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const { key, value } of await readItems(world))
    if (value?.S !== undefined) values.set(key.S.slice(cacheName.length + 1), String(JSON.parse(value.S)));
  return values;
}

/** The attributes that are text, as an item of Tidemark's has them. */
interface StoredItem extends Readonly<Record<string, { readonly S: string }>> {
  readonly key: { readonly S: string };
}

async function readItems({ dynamodb }: ChaosWorld): Promise<readonly StoredItem[]> {
  const items: StoredItem[] = [];
  let start: Record<string, AttributeValue> | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({ TableName: table, ConsistentRead: true, ...(start && { ExclusiveStartKey: start }) }),
    );
    for (const { key, value, writeId } of page.Items ?? []) {
      if (key?.S === undefined) continue;
      const more = [['value', value?.S] as const, ['writeId', writeId?.S] as const];
      const texts = more.flatMap(([name, text]) => (text === undefined ? [] : [[name, { S: text }] as const]));
      items.push({ key: { S: key.S }, ...Object.fromEntries(texts) });
    }
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
  return items;
}

/** Every pod has everything that the stream took before `at`, ms since the epoch. */
async function caughtUp(world: ChaosWorld, at: number, healedMs: number, timeoutMs: number): Promise<number | null> {
  while (machineMs() < healedMs + timeoutMs) {
    const told = await Promise.all(world.pods.map((pod) => pod.ask({ do: 'tell' })));
    const isBehind = told.some(({ told }) => Date.now() - (told?.stalenessMs ?? Infinity) <= at);
    if (!isBehind) return machineMs() - healedMs;
    await wait(systemClock, lookMs);
  }
  return null;
}

async function eventsOf(world: ChaosWorld): Promise<number> {
  const told = await Promise.all(world.pods.map((pod) => pod.ask({ do: 'tell' })));
  return told.reduce((sum, { told }) => sum + (told?.events ?? 0), 0);
}

/** What each pod holds, and then serves, once nothing is on its way. */
async function witnessRest(world: ChaosWorld, keys: readonly string[]): Promise<void> {
  world.log.quiet();
  for (const pod of world.pods) {
    const { values = {} } = await pod.ask({ do: 'hold', keys });
    for (const key of keys) world.log.rest(pod.life, key, values[key]);
    await pod.ask({ do: 'serve', keys, isRecorded: true });
  }
}

/** How far the script puts a process's clock from true time, and some for what clocks of one machine differ by. */
function skewOf(script: readonly Step[]): number {
  const jumps = script.map(({ deed }) => (deed.do === 'shift-clock' ? Math.abs(deed.ms) : 0));
  return 50 + Math.max(0, ...jumps);
}
