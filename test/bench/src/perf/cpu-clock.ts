import { openSync, readSync } from 'node:fs';

const schedstat = openSchedstat();
const buffer = Buffer.alloc(64);

/** What `cpuNs` counts. */
export const cpuClock =
  schedstat === undefined ? 'CPU time of the process' : 'CPU time of the main thread, from /proc/self/schedstat';

/**
 * CPU time that the main thread has used, ns; where the kernel does not tell, that of the process. Other load on the machine disturbs it far less
 * than it does wall time.
 */
export function cpuNs(): number {
  // The kernel brings the thread's figure up to date when the process's is asked for.
  const { user, system } = process.cpuUsage();
  if (schedstat === undefined) return (user + system) * 1_000;
  const length = readSync(schedstat, buffer, 0, buffer.length, 0);
  return Number.parseInt(buffer.toString('latin1', 0, length), 10);
}

/** CPU time of all threads of the process, garbage collection and network included, ns. */
export function processCpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

function openSchedstat(): number | undefined {
  try {
    return openSync('/proc/self/schedstat', 'r');
  } catch {
    return undefined;
  }
}
