import { accepts } from './accepts.js';

/** The Kafka under a world: embedded (none of this), one that the demo starts and may kill, or somebody else's. */
export interface OutsideKafka {
  readonly label: string;
  readonly brokers: readonly string[];
  readonly owned: boolean;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface RealKafkaModule {
  readonly available: () => { ok: true; version: string } | { ok: false; reason: string };
  readonly startKafka: (options: { brokers: number }) => Promise<{
    version: string;
    brokers: string[];
    kill(i: number): Promise<void>;
    restart(i: number): Promise<void>;
    stop(): Promise<void>;
  }>;
}

/** `undefined` = embedded. Throws when `apache` is asked for and cannot run here, and when no broker of a list accepts a connection. */
export async function openKafka(choice: string): Promise<OutsideKafka | undefined> {
  if (choice === 'embedded') return undefined;
  if (choice !== 'apache') return foreign(choice.split(','));
  const path = new URL('../../../tools/real-kafka.mjs', import.meta.url).href;
  const { available, startKafka } = (await import(path)) as RealKafkaModule;
  const availability = available();
  if (!availability.ok) throw new Error(`--kafka apache: ${availability.reason}`);
  const kafka = await startKafka({ brokers: 1 });
  return {
    label: `apache ${kafka.version}`,
    brokers: kafka.brokers,
    owned: true,
    kill: () => kafka.kill(0),
    restart: () => kafka.restart(0),
    stop: () => kafka.stop(),
  };
}

async function foreign(brokers: readonly string[]): Promise<OutsideKafka> {
  const up = await Promise.all(brokers.map(accepts));
  if (!up.includes(true)) throw new Error(`--kafka: no broker accepts a connection at ${brokers.join(', ')}`);
  const refuse = (): Promise<void> => Promise.reject(new Error('these brokers are not the demo’s to kill'));
  return {
    label: brokers.join(','),
    brokers,
    owned: false,
    kill: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  };
}
