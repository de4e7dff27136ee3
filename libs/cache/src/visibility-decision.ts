import { type PodSnapshot } from './backend.js';

/** A place in a table topic that every pod is to be past. */
export interface AwaitedPlace {
  readonly table: string;
  readonly partition: number;
  readonly offset: number;
}

export interface VisibilityVerdict {
  /** Pods that hold nothing older than the awaited place. */
  readonly past: readonly string[];
  /** Live pods that are not there yet. */
  readonly missing: readonly string[];
  /** Pods that have not reported for so long that they are not waited for; they may still serve hits. */
  readonly silent: readonly string[];
}

/** A pod that has not reported for longer is not waited for, ms of broker time. */
export const silentAfterMs = 10_000;

/**
 * Who is past an awaited place, by what the pods have reported. A pod counts for the tables that it has caches of. One that follows no topic
 * yet is waited for: its reads may still join an earlier read of L2.
 */
export function visibilityOf(snapshot: PodSnapshot, { table, partition, offset }: AwaitedPlace): VisibilityVerdict {
  const past: string[] = [];
  const missing: string[] = [];
  const silent: string[] = [];
  for (const { report, at } of snapshot.pods) {
    const progress = report.tables[table];
    if (progress === undefined) continue;
    if ((progress.progress[partition] ?? -1) >= offset) past.push(report.pod);
    else if (snapshot.now - at > silentAfterMs) silent.push(report.pod);
    else missing.push(report.pod);
  }
  return { past, missing, silent };
}
