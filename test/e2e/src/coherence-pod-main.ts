// One pod in a process of its own: `node coherence-pod-main.js CONFIGURATION`, asked and told over IPC; ends with its parent.
import { aws } from '@tidemark/aws';
import { type Cache, createTidemark, type Duration, tuneCache } from '@tidemark/cache';
import { type ChildConfiguration, type ChildMessage, type ChildTask } from './coherence/child-pod.js';
import { type Item, items } from './coherence/pods.js';

const tell = (message: ChildMessage): void => void process.send?.(message);

async function main(configuration: ChildConfiguration): Promise<void> {
  const { region, service, brokers, topicPrefix, dynamodbEndpoint, loadTimeout } = configuration;
  const definition = tuneCache(items, { loadTimeout: loadTimeout as Duration });
  const tidemark = createTidemark({
    service,
    backend: aws({ region, kafka: { brokers }, dynamodb: { endpoint: dynamodbEndpoint }, topicPrefix }),
    caches: [definition],
    startDeadline: '30s',
  });
  await tidemark.start();
  const { state } = tidemark.health();
  if (state !== 'live') throw new Error(`${state}, not live, after its start`);
  const cache = tidemark.cache(definition);
  process.on('message', ({ id, task }: { readonly id: number; readonly task: ChildTask }) => {
    carryOut(cache, task).then(
      (item) => tell({ type: 'answer', id, item: item ?? null }),
      (error: unknown) => tell({ type: 'failed', id, message: String(error) }),
    );
  });
  tell({ type: 'live' });
}

async function carryOut(cache: Cache<Item>, { do: what, key }: ChildTask): Promise<Item | undefined> {
  switch (what) {
    case 'get':
      return cache.get(key);
    case 'held':
      return cache.getIfPresent(key);
    case 'load':
      return cache.getOrLoad(key, async () => {
        tell({ type: 'loading' });
        return new Promise<never>(() => undefined);
      });
  }
}

process.once('disconnect', () => process.exit(0));
main(JSON.parse(process.argv[2] ?? '{}') as ChildConfiguration).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
