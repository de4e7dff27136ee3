import { parseArgs } from 'node:util';

export interface DemoArguments {
  readonly once: boolean;
  readonly json: string | undefined;
  readonly kafka: string;
  readonly processes: boolean;
  /** Port of the first region's admin API; 0 = any. */
  readonly port: number;
}

export const usage = `npm run demo: two regions with three pods each, sync, dispatcher and admin, on stand-ins for AWS

  --once                      play the story, then end: 0 when every step held, 1 otherwise
  --json FILE                 write the result there
  --kafka embedded            a broker in this process for each region (default)
  --kafka apache              Apache Kafka, fetched with Maven; needs Java 17
  --kafka HOST:PORT,…         brokers that run already
  --processes                 every role in a process of its own
  --port N                    port of the first region's admin API (default: any free one)
  --help

Without --once it stays up under a gentle load after the story, until Ctrl-C.`;

/** Throws with one sentence when the arguments are wrong. */
export function readArguments(args: readonly string[]): DemoArguments | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'string' },
      kafka: { type: 'string', default: 'embedded' },
      processes: { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535)
    throw new Error(`--port: expected a port from 0 to 65535, got ${JSON.stringify(values.port)}`);
  const isList = values.kafka.split(',').every(isBroker);
  if (values.kafka !== 'embedded' && values.kafka !== 'apache' && !isList)
    throw new Error(`--kafka: expected embedded, apache or HOST:PORT,…, got ${JSON.stringify(values.kafka)}`);
  return { once: values.once, json: values.json, kafka: values.kafka, processes: values.processes, port };
}

function isBroker(text: string): boolean {
  const port = Number(/^[\w.-]+:(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}
