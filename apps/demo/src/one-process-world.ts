import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AdminService, startAdmin } from '@tidemark/admin';
import { aws } from '@tidemark/aws';
import { type ExampleService, startExampleService } from '@tidemark/example-service';
import { createKafkaClient, KafkaTopicAdmin, RouteTopic } from '@tidemark/kafka';
import { type LocalStack, startLocalStack } from '@tidemark/local-stack';
import { topicNames } from '@tidemark/protocol';
import { silentLogger } from '@tidemark/runtime';
import { type OutsideKafka } from './kafka-source.js';
import { type RegionWorld, type Role, type World } from './world.js';

export interface OneProcessWorldOptions {
  readonly kafka: OutsideKafka | undefined;
  readonly podsPerRegion: number;
  /** Port of the first region's admin API; the others take free ones. */
  readonly adminPort: number;
}

/** Everything in this process: the local stack with its pipeline, an admin API and pods per region. */
export async function startOneProcessWorld(options: OneProcessWorldOptions): Promise<World> {
  const { kafka } = options;
  const stack = await startLocalStack(
    kafka === undefined ? {} : { kafka: { 'us-east-1': kafka.brokers, 'eu-west-1': kafka.brokers } },
  );
  const made: { close(): Promise<void> }[] = [];
  const regions: RegionWorld[] = [];
  for (const [index, name] of stack.regions.entries()) {
    const admin = await openAdmin(stack, name, index === 0 ? options.adminPort : 0);
    const pods = await Promise.all(Array.from({ length: options.podsPerRegion }, () => openPod(stack, name)));
    made.push(admin, ...pods);
    regions.push({
      name,
      adminUrl: admin.url,
      pods: pods.map(({ url }) => url),
      dynamodb: new DynamoDBClient(stack.region(name).dynamodb),
    });
  }
  return {
    kafka: kafka?.label ?? 'embedded',
    regions,
    ownsKafka: kafka?.owned ?? true,
    topicPrefixOf: (region) => stack.region(region).topicPrefix,
    kill: (region, role) => (role === 'kafka' && kafka !== undefined ? kafka.kill() : stack.kill(region, role)),
    restart: (region, role: Role) =>
      role === 'kafka' && kafka !== undefined ? kafka.restart() : stack.restart(region, role),
    quiesce: (timeoutMs) => stack.quiesce({ timeout: `${timeoutMs}ms` }),
    stop: async () => {
      for (const { dynamodb } of regions) dynamodb.destroy();
      await Promise.allSettled(made.map((one) => one.close()));
      await stack.stop();
    },
  };
}

function openPod(stack: LocalStack, region: string): Promise<ExampleService> {
  const { kafka, dynamodb, topicPrefix } = stack.region(region);
  return startExampleService({ backend: aws({ region, kafka, dynamodb, topicPrefix }), logger: silentLogger });
}

function openAdmin(stack: LocalStack, region: string, port: number): Promise<AdminService> {
  const { kafka, topicPrefix } = stack.region(region);
  const client = createKafkaClient({ brokers: kafka.brokers, clientId: 'demo-admin' });
  const names = topicNames(topicPrefix);
  return startAdmin({
    log: new RouteTopic({ client, names }),
    topics: new KafkaTopicAdmin({ client, replicationFactor: 1 }),
    names,
    port,
  });
}
