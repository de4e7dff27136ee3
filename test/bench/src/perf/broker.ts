import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';

const brokerFile = fileURLToPath(new URL('../bench-broker-main.js', import.meta.url));

/** `host:port` of a broker that is there already, to be used in the place of an embedded one. */
const external = process.env['TIDEMARK_BENCH_KAFKA'];

/** Does the work with an embedded broker that runs in a process of its own; with another one where `TIDEMARK_BENCH_KAFKA` names it. */
export async function withBroker<T>(work: (address: string) => Promise<T>): Promise<T> {
  if (external !== undefined) return work(external);
  const broker = fork(brokerFile, { execArgv: [] });
  try {
    const [address] = (await once(broker, 'message')) as [string];
    return await work(address);
  } finally {
    broker.kill('SIGKILL');
  }
}

/** The client as it comes, as those who measure without Tidemark use it. */
export function kafkaAt(address: string): Kafka {
  return new Kafka({ brokers: [address], clientId: 'bench', logLevel: logLevel.NOTHING });
}
