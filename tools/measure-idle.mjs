// Idle CPU and memory of each role, in processes of their own on the embedded stack. Linux: reads /proc.
// npm run measure:idle -- [SECONDS]   (after a build; default 30)
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { positionals } = parseArgs({ allowPositionals: true });
const seconds = Number(positionals[0] ?? 30);
if (!(seconds > 0 && seconds <= 600)) throw new Error(`expected seconds from 1 to 600, got ${positionals[0]}`);
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const pageBytes = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

/**
 * CPU seconds used so far, and resident MiB.
 * @param {number | undefined} pid
 */
function usage(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const resident = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    mib: (resident * pageBytes) / 1_048_576,
  };
}

const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const { startProcessWorld } = await import(new URL('../apps/demo/dist/process-world.js', import.meta.url).href);
const world = await startProcessWorld({ kafka: undefined, podsPerRegion: 1, adminPort: 0 });
try {
  await wait(10_000);
  const pids = Object.entries(world.pids());
  const before = new Map(pids.map(([name, pid]) => [name, usage(pid)]));
  await wait(seconds * 1_000);
  console.log(`idle for ${seconds} s, one table, one pod a region; share of one core and resident memory`);
  for (const [name, pid] of pids) {
    const after = usage(pid);
    const share = ((after.cpuSeconds - (before.get(name)?.cpuSeconds ?? 0)) / seconds) * 100;
    console.log(`${name.padEnd(24)} ${share.toFixed(2).padStart(6)} %  ${after.mib.toFixed(0).padStart(5)} MiB`);
  }
} finally {
  await world.stop();
}
process.exit();
