import { writeFileSync } from 'node:fs';
import { readArguments, usage, type DemoArguments } from './demo-arguments.js';
import { gentleLoad } from './gentle-load.js';
import { openKafka } from './kafka-source.js';
import { startOneProcessWorld } from './one-process-world.js';
import { type DemoResult, play } from './play.js';
import { startProcessWorld } from './process-world.js';
import { type World } from './world.js';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

// The SDK is pinned; what it says of Node versions to come helps nobody who watches a demo.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

async function main(args: DemoArguments): Promise<number> {
  const startedAt = performance.now();
  print(
    `Tidemark demo: two regions, three pods each, ${args.processes ? 'every role in its own process' : 'all in one process'}; Kafka ${args.kafka}`,
  );
  const kafka = await openKafka(args.kafka);
  let world: World | undefined;
  try {
    const options = { kafka, podsPerRegion: 3, adminPort: args.port };
    world = await (args.processes ? startProcessWorld(options) : startOneProcessWorld(options));
    print(
      `up in ${Math.round(performance.now() - startedAt)} ms; the stand-ins for AWS keep the formats and rules of the services, not their scale\n`,
    );
    const result = await Promise.race([play(world, print), aborted()]);
    if (result === 'aborted') return 130;
    const held = result.steps.every(({ ok }) => ok) && result.divergentKeys === 0;
    print(`\n${held ? 'every step held' : 'NOT every step held'}; ${result.divergentKeys} divergent keys`);
    if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(result satisfies DemoResult, null, 2)}\n`);
    if (!args.once) await stayUp(world);
    return held ? 0 : 1;
  } finally {
    await Promise.race([
      Promise.allSettled([world?.stop()]),
      new Promise((resolve) => setTimeout(resolve, stopping.signal.aborted ? 1_500 : 15_000)),
    ]);
    await kafka?.stop();
  }
}

async function stayUp(world: World): Promise<void> {
  for (const { name, pods, adminUrl } of world.regions) {
    print(`\n${name}\n  admin ${adminUrl}/api/v1/routes`);
    for (const pod of pods) print(`  pod   ${pod}/permissions?ids=app-2,app-3   ${pod}/l1`);
  }
  print('\nunder a gentle load; Ctrl-C stops it');
  gentleLoad(world, stopping.signal);
  await aborted();
}

function aborted(): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (stopping.signal.aborted) return resolve('aborted');
    stopping.signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
}

try {
  const args = readArguments(process.argv.slice(2));
  if (args === 'help') print(usage);
  else process.exitCode = await main(args);
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
process.exit();
