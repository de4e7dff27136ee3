import { type BenchRow } from '../row.js';
import { readTrace, type TraceFile, traceFiles } from '../trace-file.js';
import { hitRatio, type MakeWorkload } from './hit-ratio-rows.js';

/** Where `bench-main` tells its children that the folder is. */
export const tracesVariable = 'TIDEMARK_BENCH_TRACES';

/** Of a longer trace the beginning is played. */
const requestsMax = { quick: 300_000, full: 2_000_000 } as const;

/** Hit ratios on the published traces in `folder`, by the same rules as on generated workloads; none without one. */
export function traceRows(folder: string | undefined): readonly BenchRow[] {
  const files = traceFiles(folder);
  if (files.length === 0) return [];
  return [
    {
      ...hitRatio('trace-mean', files.map(played), 2),
      what: 'hit ratio of `s3-fifo` beside lru-cache, the mean of the traces below',
    },
    ...files.map((file) => ({
      ...hitRatio(`trace-${file.name}`, [played(file)], -4),
      what: `the published trace ${file.name}, in the format ${file.format}`,
    })),
  ];
}

function played(file: TraceFile): MakeWorkload {
  return (quick) => {
    const { requests, keys } = readTrace(file, quick ? requestsMax.quick : requestsMax.full);
    let at = 0;
    return { keys, requests: requests.length, next: () => requests[at++] ?? 0 };
  };
}
