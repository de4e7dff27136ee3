import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock, wait } from '@tidemark/runtime';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { roles } from './plan/step.js';
import { longestRecoveries, type PlayedRound, playSoak, roundMs } from './soak/play-soak.js';
import { describeFollowed, follow, judgeTrends, type Sample } from './soak/soak-verdict.js';
import { ChaosProcess } from './world/chaos-process.js';
import { ChaosWorld } from './world/chaos-world.js';
import { leakVariable } from './world/watch-protocol.js';

/** Nothing is soaked unless it is asked for: `npm run test:long -- --only soak`. */
const minutes = Number(process.env['TIDEMARK_TEST_SOAK_MINUTES'] ?? 0);
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000);
const folder = fileURLToPath(new URL('..', import.meta.url));
const seriesFile = process.env['TIDEMARK_TEST_SOAK_SERIES'] ?? path.join(folder, 'test-results/soak.json');
/** Of a service that is to leak slowly, so that the verdict can be seen to find it. */
const leaking = process.env['TIDEMARK_TEST_SOAK_LEAK'];

/** Of each life; a short run has no more than a third of itself to warm up in. */
const warmUpMs = Math.min(600_000, (minutes * 60_000) / 3);

describe('a process that is followed', () => {
  async function samplesOf(env: Readonly<Record<string, string>>): Promise<readonly Sample[]> {
    const process = new ChaosProcess({
      ...{ name: 'planted', env },
      script: path.join(folder, 'dist/soak/idle-main.js'),
      watch: path.join(folder, 'dist/watch-main.js'),
    });
    process.start();
    const samples: Sample[] = [];
    try {
      for (let n = 0; n < 12; n += 1) {
        const gauge = await process.gauge();
        if (gauge !== undefined) samples.push({ atMs: n * 200, gauge });
        await wait(systemClock, 200);
      }
    } finally {
      await process.end('SIGKILL');
    }
    return samples;
  }

  const grown = (samples: readonly Sample[]): readonly string[] =>
    judgeTrends(
      follow({ lives: [{ role: 'planted', life: 1, samples }], groups: [] }, { warmUpMs: 400, blockMs: 200 }),
      ['planted'],
    ).map((line) => line.split(' ').slice(0, 3).join(' '));

  it('planted: memory, timers and sockets that it leaks are found', async () => {
    const found = grown(await samplesOf({ [leakVariable]: '100' }));
    for (const measure of ['heap', 'timers', 'sockets', 'descriptors'])
      expect(found).toContain(`grows: planted.1 ${measure}`);
  }, 60_000);

  it('has nothing against it where it leaks nothing', async () => {
    expect(grown(await samplesOf({}))).toEqual([]);
  }, 60_000);
});

if (minutes > 0)
  describe(`a soak of ${minutes} minutes, seed ${seed}`, () => {
    let world: ChaosWorld;
    beforeAll(async () => {
      world = await ChaosWorld.start({ seed, leaking });
    }, 300_000);
    afterAll(() => world?.stop(), 60_000);

    it(
      'a fault every two minutes leaves nothing wrong, and no process grows',
      async () => {
        mkdirSync(path.dirname(seriesFile), { recursive: true });
        const { rounds, series } = await playSoak(world, {
          ...{ seed, minutes, onRound: say },
          onSample: (sofar) => writeFileSync(seriesFile, JSON.stringify({ seed, ...sofar })),
        });
        const followed = follow(series, { warmUpMs, blockMs: roundMs });
        for (const each of followed)
          process.stdout.write(
            `FIGURES: soak ${each.isJudged ? (each.isWithin ? 'flat' : 'GROWS') : 'told'}: ${describeFollowed(each)}\n`,
          );
        process.stdout.write(`FIGURES: soak recovery ${JSON.stringify(longestRecoveries(rounds))}\n`);
        expect([
          ...rounds.flatMap(({ number, name, problems }) =>
            problems.map((line) => `round ${number}, ${name}: ${line}`),
          ),
          ...judgeTrends(followed, ['pod', 'sync', 'dispatcher', 'admin', 'broker']),
        ]).toEqual([]);
      },
      minutes * 60_000 + 1_800_000,
    );
  });

function say({ number, name, seed: own, problems, played }: PlayedRound): void {
  const seconds = (ms: number | null | undefined): string =>
    typeof ms === 'number' ? `${(ms / 1_000).toFixed(1)} s` : 'never';
  const { agreedMs, caughtUpMs, reads, writes } = played?.outcome ?? {};
  const recovery = roles.flatMap((role) =>
    played !== undefined && role in played.recoveryMs ? [`${role} ${seconds(played.recoveryMs[role])}`] : [],
  );
  process.stdout.write(
    `FIGURES: soak round ${number}, ${own} ${name}: ${problems.length === 0 ? 'right' : problems.join('\n  ')}; agreed ${seconds(agreedMs)}, caught up ${seconds(caughtUpMs)}; ${reads} reads, ${writes} writes; recovery ${recovery.join(', ')}\n`,
  );
}
