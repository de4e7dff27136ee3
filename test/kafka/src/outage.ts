import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { RoutingTable } from '@tidemark/control';
import {
  createKafkaClient,
  GroupConsumer,
  type KafkaClient,
  KafkaProducer,
  KafkaTopicAdmin,
  RouteTopic,
} from '@tidemark/kafka';
import { Dispatcher } from '@tidemark/pipeline';
import { encodeEvent, type TopicNames, topicNames } from '@tidemark/protocol';
import { MetricRegistry } from '@tidemark/runtime';
import { type ContractCase, eventually } from '@tidemark/runtime/testing';

export interface Outages {
  readonly brokers: readonly string[];
  /** Takes every broker away without notice. */
  readonly stop: () => Promise<void>;
  /** Brings them back on their data. */
  readonly start: () => Promise<void>;
}

/** Within this time of an outage nobody says that he is ready, ms. */
const noticedMs = 5_500;

/** What processes say of themselves while every broker is gone. */
export function outageCases(outages: Outages): readonly ContractCase[] {
  const cases: Record<string, (bench: OutageBench) => Promise<void>> = {
    'a dispatcher is not ready within five seconds, says why, reads no lag of 0, and goes on afterwards':
      dispatcherCutOff,
    'a dispatcher that begins without brokers says why it is not ready, and begins once they are there':
      dispatcherBegins,
    'a routing table has a problem within five seconds, and none afterwards': routingCutOff,
    'a routing table that is opened without brokers says why, and opens once they are there': routingBegins,
  };
  return Object.entries(cases).map(([name, test]) => ({
    name,
    run: async () => {
      const bench = new OutageBench(outages);
      try {
        await test(bench);
      } finally {
        await bench.close();
      }
    },
  }));
}

class OutageBench {
  readonly outages: Outages;
  readonly names: TopicNames = topicNames(`out-${randomBytes(6).toString('hex')}`);
  readonly client: KafkaClient;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #down = false;

  constructor(outages: Outages) {
    this.outages = outages;
    this.client = createKafkaClient({ brokers: outages.brokers });
  }

  routing(): RoutingTable {
    const { client, names } = this;
    const log = new RouteTopic({ client, names, create: { replicationFactor: 1 } });
    const topics = new KafkaTopicAdmin({ client, replicationFactor: 1 });
    return this.#keep(new RoutingTable({ log, topics, names, tablePartitions: 2 }), (table) => table.close());
  }

  dispatcher(metrics = new MetricRegistry()): Dispatcher {
    const { client, names } = this;
    const sink = this.#keep(new KafkaProducer({ client, names }), (one) => one.close());
    const source = new GroupConsumer({ client, groupId: names.dispatcherGroup, metrics });
    const routes = new RouteTopic({ client, names });
    return this.#keep(new Dispatcher({ source, sink, routes, names, metrics }), (one) => one.kill());
  }

  async publish(key: string): Promise<void> {
    const { client, names } = this;
    const producer = new KafkaProducer({ client, names });
    await producer.publish('users', [eventOf(key)], { timeoutMs: 30_000 });
    await producer.close();
  }

  async stop(): Promise<void> {
    this.#down = true;
    await this.outages.stop();
  }

  async start(): Promise<void> {
    await this.outages.start();
    this.#down = false;
  }

  async close(): Promise<void> {
    if (this.#down) await this.start();
    for (const close of this.#closers.reverse()) await close();
  }

  #keep<T>(thing: T, close: (thing: T) => Promise<unknown>): T {
    this.#closers.push(() => close(thing));
    return thing;
  }
}

const eventOf = (key: string) =>
  encodeEvent({
    ...{ table: 'users', key, kind: 'insert', from: null, to: 'a', stampUs: 1, expiresAt: null, codec: 'json' },
    ...{ lane: 'cdc', region: 'eu-west-1', position: 'shardId-0:1', value: Buffer.from('1') },
  });

function metric(metrics: MetricRegistry, name: string): number {
  const [series] =
    metrics
      .collect()
      .find((family) => family.name === name)
      ?.series.values() ?? [];
  return series !== undefined && 'value' in series ? series.value : 0;
}

async function noticed(what: string, condition: () => boolean): Promise<void> {
  const startedMs = performance.now();
  await eventually(what, condition, 2 * noticedMs);
  const tookMs = Math.round(performance.now() - startedMs);
  assert.ok(tookMs <= noticedMs, `${what}: after ${tookMs} ms`);
}

async function dispatcherCutOff(bench: OutageBench): Promise<void> {
  const routing = bench.routing();
  await routing.open();
  await routing.put('users', [bench.names.cache('users')], { ifMatch: 'none', actor: 'test' });
  const metrics = new MetricRegistry();
  const dispatcher = bench.dispatcher(metrics);
  await dispatcher.start();
  const dispatched = (): number => metric(metrics, 'tidemark_dispatcher_records_total');
  await bench.publish('users:1');
  await eventually('the first event', () => dispatched() >= 1, 20_000);
  await eventually('ready', () => dispatcher.health().ready);
  assert.equal(metric(metrics, 'tidemark_kafka_group_lag_records'), 0);
  await bench.stop();
  await noticed('not ready', () => !dispatcher.health().ready);
  assert.match(dispatcher.health().reason ?? '', /topic/);
  await eventually(
    'no lag is known',
    () => Number.isNaN(metric(metrics, 'tidemark_kafka_group_lag_records')),
    noticedMs,
  );
  for (let looks = 0; looks < 30; looks += 1) {
    assert.equal(dispatcher.health().ready, false);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await bench.start();
  await bench.publish('users:2');
  await eventually('the second event', () => dispatched() >= 3, 60_000);
  await eventually('ready again', () => dispatcher.health().ready, 60_000);
  await eventually('the lag is known', () => metric(metrics, 'tidemark_kafka_group_lag_records') === 0);
}

async function dispatcherBegins(bench: OutageBench): Promise<void> {
  const routing = bench.routing();
  await routing.open();
  await bench.stop();
  const dispatcher = bench.dispatcher();
  const started = dispatcher.start();
  await noticed('why', () => /ECONNREFUSED|brokers/.test(dispatcher.health().reason ?? ''));
  assert.equal(dispatcher.health().ready, false);
  await bench.start();
  await started;
  await eventually('ready', () => dispatcher.health().ready, 30_000);
}

async function routingCutOff(bench: OutageBench): Promise<void> {
  const routing = bench.routing();
  await routing.open();
  await eventually('no problem', () => routing.problem === undefined);
  await bench.stop();
  await noticed('a problem', () => routing.problem !== undefined);
  await bench.start();
  await eventually('no problem again', () => routing.problem === undefined, 60_000);
}

async function routingBegins(bench: OutageBench): Promise<void> {
  await bench.stop();
  const routing = bench.routing();
  const opened = routing.open();
  await noticed('why', () => /ECONNREFUSED|brokers/.test(routing.problem ?? ''));
  await bench.start();
  await opened;
  await eventually('no problem', () => routing.problem === undefined, 30_000);
}
