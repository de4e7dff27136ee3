// Starting and stopping whole trees of processes: nothing that was started here outlives its stop.
import { execFileSync, spawn } from 'node:child_process';

/** Trees that are running, by the id of their root process. @type {Set<number>} */
const running = new Set();

/**
 * Starts a command as the leader of its own process group, so that a signal to the terminal reaches it only through us.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function startTree(command, args, options = {}) {
  const child = spawn(command, args, { ...options, detached: true });
  const { pid } = child;
  if (pid !== undefined) {
    running.add(pid);
    child.once('exit', () => {
      running.delete(pid);
      signalGroup(pid, 'SIGKILL');
    });
  }
  return child;
}

/**
 * Asks every running tree to end, then ends what is left.
 * @param {NodeJS.Signals} signal
 * @param {number} [graceMs] time to leave by themselves, default 1200 ms
 */
export async function stopTrees(signal, graceMs = 1200) {
  const known = new Set(running);
  growTrees(known);
  for (const pid of running) signalGroup(pid, signal);
  const deadlineMs = Date.now() + graceMs;
  while (Date.now() < deadlineMs && growTrees(known) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  killTrees(known);
}

/**
 * Ends every running tree at once; for the moment before this process leaves.
 * @param {Set<number>} [known] processes already known to belong to the trees
 */
export function killTrees(known = new Set(running)) {
  growTrees(known);
  for (const pid of running) signalGroup(pid, 'SIGKILL');
  for (const pid of known) signalProcess(pid, 'SIGKILL');
}

/**
 * Adds the children of known processes and the members of their groups, until nothing new is found.
 * @param {Set<number>} known
 * @returns how many of the known processes are alive
 */
function growTrees(known) {
  if (known.size === 0) return 0;
  const rows = processTable().filter((row) => row.pid !== process.pid);
  for (let size = -1; size !== known.size;) {
    size = known.size;
    for (const { pid, parent, group } of rows) if (known.has(parent) || known.has(group)) known.add(pid);
  }
  return rows.filter((row) => known.has(row.pid)).length;
}

/** Every process of the machine but zombies; empty where there is no `ps`. */
function processTable() {
  let text = '';
  try {
    text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8', timeout: 1000 });
  } catch {
    // Without a process table the groups are all that can be signalled.
  }
  const rows = [];
  for (const line of text.split('\n')) {
    const [pid, parent, group, state] = line.trim().split(/\s+/);
    if (state !== undefined && !state.startsWith('Z')) {
      rows.push({ pid: Number(pid), parent: Number(parent), group: Number(group) });
    }
  }
  return rows;
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalGroup(pid, signal) {
  signalProcess(-pid, signal);
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has left already.
  }
}
