import { parseArgs } from 'node:util';
import { findBugs } from './report/find-bugs.js';
import { figures } from './report/figures.js';
import { playSeeds } from './report/play-seeds.js';

/** A process of its own that plays seeds, or looks for planted bugs; a parent is sent what was played. README.md has the commands. */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1-300' },
    every: { type: 'string', default: '1' },
    seconds: { type: 'string', default: 'Infinity' },
    bugs: { type: 'boolean', default: false },
    bug: { type: 'string' },
  },
});

// It ends with its parent.
if (process.send !== undefined) process.on('disconnect', () => process.exit());

const seeds = seedsOf(values.seeds, Number(values.every));
if (values.bugs || values.bug !== undefined) await findBugs(seeds, values.bug, say);
else await play(seeds, Number(values.seconds));

async function play(seeds: readonly number[], seconds: number): Promise<void> {
  const startedMs = performance.now();
  const played = await playSeeds(seeds, () => performance.now() - startedMs < seconds * 1_000, say);
  say(figures(played));
  if (played.seeds < seeds.length && played.stories.length === 0)
    say(`NOT RUN: ${seeds.length - played.seeds} of ${seeds.length} seeds, for want of time`);
  if (process.send !== undefined) return void process.send(played, () => process.disconnect());
  for (const story of played.stories) say(`\n${story}`);
  process.exitCode = played.stories.length === 0 ? 0 : 1;
}

/** `20`, `1-300`; of these each `every`th. */
function seedsOf(text: string, every: number): readonly number[] {
  const [, from = '', to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (from === '' || !(every >= 1)) throw new RangeError(`--seeds: expected a number or a range, got ${text}`);
  const count = Math.floor((Number(to) - Number(from)) / every) + 1;
  return Array.from({ length: count }, (_, index) => Number(from) + index * every);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
