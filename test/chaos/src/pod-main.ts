// One pod in a process of its own: `node pod-main.js CONFIGURATION`, asked and told over IPC; ends with its parent.
import { aws } from '@tidemark/aws';
import { createTidemark, defineCache, trust } from '@tidemark/cache';
import { messageOf } from '@tidemark/runtime';
import { PodCaller } from './pod/pod-caller.js';
import { PodJournal } from './pod/pod-journal.js';
import { planted } from './pod/planted.js';
import {
  cacheName,
  type FromPod,
  maxStalenessMs,
  type Plant,
  type PodConfiguration,
  table,
  type ToPod,
} from './pod-protocol.js';

const things = defineCache({
  ...{ name: cacheName, table, schema: trust<string>(), deletes: 'tombstone' },
  maxStaleness: `${maxStalenessMs}ms`,
});

async function main(configuration: PodConfiguration): Promise<void> {
  const { region, life, brokers, topicPrefix, dynamodbEndpoint } = configuration;
  const backend = aws({ region, kafka: { brokers }, dynamodb: { endpoint: dynamodbEndpoint }, topicPrefix });
  let plant: Plant | undefined;
  const tidemark = createTidemark({
    ...{ service: 'chaos', backend: planted(backend, () => plant), caches: [things], startDeadline: '30s' },
  });
  const tell = (message: FromPod): void => void process.send?.(message);
  const caller = new PodCaller({
    ...{ life, tidemark, cache: tidemark.cache(things) },
    plant: (what) => (plant = what),
    journal: new PodJournal((events) => whenSent({ type: 'events', events })),
  });
  process.on('message', (message: Partial<ToPod>) => {
    const { type, id, task } = message;
    if (type !== 'task' || id === undefined || task === undefined) return;
    void caller.carryOut(task).then((answer) => tell({ type: 'answer', id, answer }));
  });
  await tidemark.start();
  tell({ type: 'live' });
}

/** Resolves when the message has left this process: it outlives a kill from then on. */
function whenSent(message: FromPod): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) return resolve();
    process.send(message, undefined, {}, () => resolve());
  });
}

process.once('disconnect', () => process.exit(0));
main(JSON.parse(process.argv[2] ?? '{}') as PodConfiguration).catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
