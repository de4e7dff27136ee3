#!/usr/bin/env node
import { messageOf } from '@tidemark/runtime';
import { parseArgs } from 'node:util';
import { EmbeddedKafka } from './kafka/embedded-kafka.js';

/**
 * The embedded broker as a process of its own, so that it can be killed: `--port N --data-dir DIR`, and any number of
 * `--listener PORT=HOST:PORT`, each a further port whose clients are sent to that address. Ends with the parent that holds its IPC channel.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      'data-dir': { type: 'string' },
      listener: { type: 'string', multiple: true, default: [] },
    },
  });
  const dataDir = values['data-dir'];
  const listeners = values.listener.map((text) => {
    const [port = '', advertised = ''] = text.split('=');
    return { port: Number(port), advertised };
  });
  const kafka = new EmbeddedKafka({
    ...{ port: Number(values.port), listeners },
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  await kafka.start();
  process.stdout.write(`${kafka.address}\n`);
  const end = (): void => void kafka.close().finally(() => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  if (process.connected) process.once('disconnect', end);
}

main().catch((error: unknown) => {
  process.stderr.write(`embedded Kafka: ${messageOf(error)}\n`);
  process.exit(2);
});
