// CPU and memory of processes. Linux: reads /proc.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const sampleMs = 1_000;
const bytesPerMiB = 1_048_576;

/** @param {string} name */
const configured = (name) => Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
const units = { ticksPerSecond: configured('CLK_TCK'), pageBytes: configured('PAGESIZE') };

/**
 * CPU seconds used so far, and resident MiB; `undefined` when the process is gone.
 * @param {number | undefined} pid
 */
export function usageOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    const resident = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / units.ticksPerSecond,
      mib: (resident * units.pageBytes) / bytesPerMiB,
    };
  } catch {
    return undefined;
  }
}

/** @typedef {{ name: string, cpuShare: number, mib: number, mibMax: number }} Usage share of one core, of the time it was watched */

/** Watches processes by name, over their restarts. */
export class UsageWatch {
  /** @type {Map<string, { pid: number | undefined, last: number, cpuSeconds: number, mib: number, mibMax: number }>} */
  #rows = new Map();
  #pids;
  #startedAt = performance.now();
  #timer;

  /** @param {() => Readonly<Record<string, number | undefined>>} pids */
  constructor(pids) {
    this.#pids = pids;
    this.#look();
    this.#timer = setInterval(() => this.#look(), sampleMs);
  }

  /** @returns {readonly Usage[]} */
  stop() {
    clearInterval(this.#timer);
    this.#look();
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return [...this.#rows].map(([name, { cpuSeconds, mib, mibMax }]) => ({
      ...{ name, cpuShare: cpuSeconds / seconds },
      ...{ mib, mibMax },
    }));
  }

  #look() {
    for (const [name, pid] of Object.entries(this.#pids())) {
      const usage = usageOf(pid);
      if (usage === undefined) continue;
      const row = this.#rows.get(name) ?? { pid, last: usage.cpuSeconds, cpuSeconds: 0, mib: 0, mibMax: 0 };
      // A process made anew begins at nothing.
      row.cpuSeconds += usage.cpuSeconds - (row.pid === pid ? row.last : 0);
      Object.assign(row, { pid, last: usage.cpuSeconds, mib: usage.mib, mibMax: Math.max(row.mibMax, usage.mib) });
      this.#rows.set(name, row);
    }
  }
}
