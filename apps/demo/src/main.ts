import { closeSync, openSync, writeFileSync } from 'node:fs';
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
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopping.abort());
// Nobody reads any more: `npm run demo | head`.
process.stdout.on('error', () => stopping.abort());

/** What the start of a world may take on a busy machine. */
const startTimeoutMs = 120_000;

/** Exit code after a signal that came before the end of the story, as shells report Ctrl-C. */
const stoppedCode = 130;

const startedAt = performance.now();

async function main(args: DemoArguments): Promise<number> {
  if (args.json !== undefined) checkWritable(args.json);
  print(
    `Tidemark demo: two regions, three pods each, ${args.processes ? 'every role in its own process' : 'all in one process'}; Kafka ${args.kafka}`,
  );
  const kafka = await Promise.race([openKafka(args.kafka), aborted()]);
  if (kafka === 'aborted') return stoppedCode;
  let world: World | 'aborted' = 'aborted';
  try {
    const options = { kafka, podsPerRegion: 3, adminPort: args.port };
    world = await started(args.processes ? startProcessWorld(options) : startOneProcessWorld(options));
    return world === 'aborted' ? stoppedCode : await show(world, args);
  } finally {
    await Promise.race([
      Promise.allSettled(world === 'aborted' ? [] : [world.stop()]),
      new Promise((resolve) => setTimeout(resolve, stopping.signal.aborted ? 1_500 : 15_000)),
    ]);
    await kafka?.stop();
  }
}

/** Plays the story in a world that is up. */
async function show(world: World, args: DemoArguments): Promise<number> {
  print(
    `up in ${Math.round(performance.now() - startedAt)} ms; the stand-ins for AWS keep the formats and rules of the services, not their scale\n`,
  );
  const result = await Promise.race([play(world, print, stopping.signal), aborted()]);
  if (result === 'aborted') return stoppedCode;
  const held = result.steps.every(({ ok }) => ok) && result.divergentKeys === 0;
  const divergent = result.divergentKeys < 0 ? 'divergent keys unknown' : `${result.divergentKeys} divergent keys`;
  print(`\n${held ? 'every step held' : 'NOT every step held'}; ${divergent}`);
  if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(result satisfies DemoResult, null, 2)}\n`);
  if (!args.once) await stayUp(world);
  return held ? 0 : 1;
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

/** The story takes half a minute: a file that cannot be written is better known before it. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--json: cannot write the file: ${reason}`, { cause: error });
  }
}

/** What `start` makes, unless a signal or the time-out comes first; what it had begun ends with this process then. */
async function started<T>(start: Promise<T>): Promise<T | 'aborted'> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not up within ${startTimeoutMs / 1_000} s`)), startTimeoutMs);
  });
  start.catch(() => undefined);
  return Promise.race([start, aborted(), timedOut]).finally(() => clearTimeout(timer));
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
