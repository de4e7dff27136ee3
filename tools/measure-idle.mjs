// Idle CPU and memory of each role, in processes of their own on the embedded stack. Linux: reads /proc.
// npm run measure:idle -- [SECONDS]   (after a build; default 30)
import { parseArgs } from 'node:util';
import { UsageWatch } from './measure-pipeline/usage.mjs';
import { wait } from './measure-pipeline/wait.mjs';

const { positionals } = parseArgs({ allowPositionals: true });
const seconds = Number(positionals[0] ?? 30);
if (!(seconds > 0 && seconds <= 600)) throw new Error(`expected seconds from 1 to 600, got ${positionals[0]}`);
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const { startProcessWorld } = await import(new URL('../apps/demo/dist/process-world.js', import.meta.url).href);
const world = await startProcessWorld({ kafka: undefined, podsPerRegion: 1, adminPort: 0 });
try {
  await wait(10_000);
  const usage = new UsageWatch(() => world.pids());
  await wait(seconds * 1_000);
  console.log(`idle for ${seconds} s, one table, one pod a region; share of one core and resident memory`);
  for (const { name, cpuShare, mib } of usage.stop())
    console.log(`${name.padEnd(24)} ${(cpuShare * 100).toFixed(2).padStart(6)} %  ${mib.toFixed(0).padStart(5)} MiB`);
} finally {
  await world.stop();
}
process.exit();
