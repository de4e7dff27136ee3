// The dispatcher beside a bare kafkajs loop, with values of 400 bytes on a real broker: the benchmark's own rows.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { available } from '../real-kafka.mjs';
import { capture } from '../run/command.mjs';
import { root } from '../run/workspace.mjs';
import { dispatcherGoals } from './verdict.mjs';

const rowNames = ['dispatcher-vs-bare-loop', 'dispatcher-rate'];
const valueBytes = 400;
const benchMs = 900_000;

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function dispatcher({ world, options, say }) {
  const possible = available();
  if (!possible.ok) throw new Error(`Apache Kafka cannot run here: ${possible.reason}`);
  await world.startRealKafka(1);
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-measure-bench-'));
  try {
    const file = path.join(folder, 'rows.json');
    const quick = options.quick ? ['--quick'] : [];
    const script = path.join(root, 'test/bench/dist/bench-main.js');
    say(`the benchmark's rows, values of ${valueBytes} bytes`);
    const { code, output } = await capture(
      process.execPath,
      [script, ...quick, '--only', rowNames.join(','), '--json', file],
      {
        cwd: root,
        timeoutMs: benchMs,
        env: { TIDEMARK_BENCH_KAFKA: world.brokers[0], TIDEMARK_BENCH_VALUE_BYTES: String(valueBytes) },
      },
    );
    if (!existsSync(file)) throw new Error(`the benchmark ended with ${code}: ${output.slice(-2_000)}`);
    const figures = figuresOf(readFileSync(file, 'utf8'));
    return {
      facts: { ...figures, benchmarkExit: code },
      roles: [],
      goals: dispatcherGoals(figures),
      notes: [`Apache Kafka ${possible.version}, one broker, in a process of its own that is not in the figure`],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The figures of the benchmark's results.
 * @param {string} text
 */
export function figuresOf(text) {
  /** @type {{ rows: readonly { name: string, tidemark: number, ratio: number | null }[], failed: readonly { name: string, reason: string }[] }} */
  const { rows, failed } = JSON.parse(text);
  const [broken] = failed;
  if (broken !== undefined) throw new Error(`${broken.name}: ${broken.reason}`);
  const [ratio, rate] = rowNames.map((name) => rows.find((row) => row.name === name));
  return { ratio: ratio?.ratio ?? Number.NaN, eventsPerCpuSecond: rate?.tidemark ?? Number.NaN };
}
