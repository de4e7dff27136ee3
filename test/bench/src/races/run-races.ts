import { type Library } from './cluster.js';
import { type Finding, type Race, staleness } from './race.js';
import { versionOf } from './versions.js';

export type Result = 'fresh' | 'stale' | 'n/a';

export interface Row {
  readonly race: string;
  readonly library: string;
  readonly version: string;
  readonly result: Result;
  readonly detail: string;
  /** What B read ten seconds into an outage, which the result does not count. */
  readonly meanwhile?: string;
}

const timeoutMs = 10_000;

/**
 * One library's row of one race. The control comes first: where its steps end stale although nothing went wrong, the race has nothing to show, and the
 * library's own lack is the reason.
 */
export async function runRace(race: Race, library: Library): Promise<Row> {
  const row = { race: race.name, library: library.name, version: versionOf(library.name) };
  const control = staleness(await play(race, library, false));
  const lack = race.needs === undefined ? undefined : library.lacks[race.needs];
  if (control !== undefined) {
    if (lack === undefined) throw new Error(`${race.name}: ${library.name} is stale without any fault: ${control}`);
    return { ...row, result: 'n/a', detail: `${lack}. Without any fault, ${control}` };
  }
  if (lack !== undefined)
    throw new Error(`${race.name}: ${library.name} is fresh without what it is said to lack: ${lack}`);
  const finding = await play(race, library, true);
  const stale = staleness(finding);
  const remark = finding.remark === undefined ? '' : `; ${finding.remark}`;
  const meanwhile = finding.meanwhile === undefined ? {} : { meanwhile: finding.meanwhile };
  if (stale !== undefined) return { ...row, result: 'stale', detail: stale + remark, ...meanwhile };
  return { ...row, result: 'fresh', detail: `every pod reads ${finding.expected ?? 'nothing'}${remark}`, ...meanwhile };
}

/** Plays a race in a cluster of its own, within ten seconds. */
export async function play(race: Race, library: Library, fault: boolean): Promise<Finding> {
  const cluster = library.open();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${race.name}: ${library.name} was not done in ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([race.run(cluster, fault), late]);
  } finally {
    clearTimeout(timer);
    await cluster.close();
  }
}
