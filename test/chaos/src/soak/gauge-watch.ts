import { systemClock, wait } from '@tidemark/runtime';
import { type Role, roles } from '../plan/step.js';
import { machineMs } from '../pod-protocol.js';
import { type ChaosWorld } from '../world/chaos-world.js';
import { readGauge } from './gauge.js';
import { type LifeSeries, type Sample, type SoakSeries } from './soak-verdict.js';
import { type Point } from './trend.js';

const groupsTimeoutMs = 5_000;

/** Asks every process what it holds, again and again; one that was started anew begins a series of its own. */
export class GaugeWatch {
  readonly #world: ChaosWorld;
  readonly #everyMs: number;
  readonly #startMs = machineMs();
  readonly #lives = new Map<string, { readonly role: string; readonly life: number; readonly samples: Sample[] }>();
  readonly #groups: Point[] = [];
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  readonly #onSample: (series: SoakSeries) => void;

  /** `onSample` is handed everything so far. */
  constructor(world: ChaosWorld, options: { everyMs: number; onSample: (series: SoakSeries) => void }) {
    this.#world = world;
    this.#everyMs = options.everyMs;
    this.#onSample = options.onSample;
    this.#running = this.#run();
  }

  /** Resolves to every series. */
  async end(): Promise<SoakSeries> {
    this.#over.abort();
    await this.#running;
    return this.#series();
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#over.signal.aborted; n += 1) {
      await Promise.all([...roles.map((role) => this.#sample(role)), this.#countGroups()]);
      this.#keep('aws', 1, { atMs: this.#nowMs(), gauge: readGauge() });
      this.#onSample(this.#series());
      const nextMs = this.#startMs + (n + 1) * this.#everyMs;
      await wait(systemClock, Math.max(0, nextMs - machineMs()), this.#over.signal);
    }
  }

  /** One that is away, or stands still, has no sample. */
  async #sample(role: Role): Promise<void> {
    const process = this.#world.process(role);
    if (!process.isRunning || process.isPaused) return;
    const { lives } = process;
    const gauge = await process.gauge();
    if (gauge !== undefined && process.lives === lives) this.#keep(role, lives, { atMs: this.#nowMs(), gauge });
  }

  async #countGroups(): Promise<void> {
    const admin = this.#world.kafka.admin({ retry: { retries: 0 } });
    const count = async (): Promise<void> => {
      await admin.connect();
      const { groups } = await admin.listGroups();
      this.#groups.push({ atMs: this.#nowMs(), value: groups.length });
    };
    // A broker that is down, or stands still, has no sample either.
    await Promise.race([count().catch(() => undefined), wait(systemClock, groupsTimeoutMs, this.#over.signal)]);
    await admin.disconnect().catch(() => undefined);
  }

  #keep(role: string, life: number, sample: Sample): void {
    const name = `${role}.${life}`;
    const series = this.#lives.get(name) ?? { role, life, samples: [] };
    series.samples.push(sample);
    this.#lives.set(name, series);
  }

  #series(): SoakSeries {
    const lives: readonly LifeSeries[] = [...this.#lives.values()];
    return { lives, groups: this.#groups };
  }

  #nowMs(): number {
    return machineMs() - this.#startMs;
  }
}
