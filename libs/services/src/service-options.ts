import { type KafkaClientOptions } from '@tidemark/kafka';
import { type Clock, type Logger, type MetricRegistry } from '@tidemark/runtime';

export interface KafkaAddress {
  /** `host:port` of some of the brokers. */
  readonly brokers: readonly string[];
  readonly ssl?: KafkaClientOptions['ssl'];
  readonly sasl?: KafkaClientOptions['sasl'];
}

export interface SyncOptions {
  readonly region: string;
  readonly kafka: KafkaAddress;
  /** Default `tidemark`. */
  readonly topicPrefix?: string;
  readonly streamArn: string;
  readonly leaseTable: string;
  /** Default: AWS's own. */
  readonly dynamodbEndpoint?: string;
  readonly kinesisEndpoint?: string;
  /** Default: as the SDK finds them. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Owner in the lease table; default random. */
  readonly workerId?: string;
  /** Default 10,000 ms. */
  readonly failoverMs?: number;
  /** How shards are read: `polling`, which shares their limits with other readers, or enhanced `fan-out`, which has limits of its own and is billed. Default `polling`. */
  readonly reader?: 'polling' | 'fan-out';
  /** The stream's consumer that `fan-out` reads as, registered where it is not there; default the topic prefix. */
  readonly consumerName?: string;
  /** Time between two polls of a shard that is read to its end; default 200 ms. */
  readonly pollIntervalMs?: number;
  /** Most bytes of pages of the stream in hand at once; default 64 MiB. */
  readonly pageBudgetBytes?: number;
  /** Time between two looks at a table's streaming destination; default 60,000 ms. */
  readonly destinationIntervalMs?: number;
  /** Partitions of a table topic that sync creates; default 4. */
  readonly topicPartitions?: number;
  /** Replicas of such a topic, and the fewest that an existing one may have; default 3. */
  readonly topicReplicationFactor?: number;
  /** `min.insync.replicas` of such a topic, and the least of any; default one fewer than it has replicas. */
  readonly topicMinInsyncReplicas?: number;
  /** How long such a topic keeps records, and the least of any table topic, ms; default 3 days. */
  readonly topicRetentionMs?: number;
  /** How often DynamoDB's records carry binary base64-encoded; default `twice`, as AWS documents. */
  readonly binaryEncoding?: 'once' | 'twice';
}

export interface DispatcherServiceOptions {
  readonly region: string;
  readonly kafka: KafkaAddress;
  /** Default `tidemark`. */
  readonly topicPrefix?: string;
  /** A member of the group that is not heard of for this long has died; default 6,000 ms. */
  readonly sessionTimeoutMs?: number;
  /** Zone that the dispatcher runs in, as `broker.rack` names it: table topics are read from brokers there. Default: from leaders. */
  readonly rackId?: string;
  /** Least `min.insync.replicas` of every topic; default one fewer than it has replicas. */
  readonly topicMinInsyncReplicas?: number;
}

/** What a service is given by its process. */
export interface ServicePorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** A service that runs. */
export interface Service {
  /** Whether it does its work, and what keeps it from it. */
  ready(): { readonly ready: boolean; readonly detail: unknown };
  /** Rejects once it is known that the service must not go on as it is configured: `INVALID_CONFIGURATION`; else it never settles. */
  readonly failed: Promise<never>;
  /** Drains, commits, and lets go of everything; takes 7.5 s at most. */
  stop(): Promise<void>;
  /** Ends at once, as a process that is killed does: nothing is drained, committed or released. */
  kill(): Promise<void>;
}
