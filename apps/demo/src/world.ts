import { type DynamoDBClient } from '@aws-sdk/client-dynamodb';

export type Role = 'sync' | 'dispatcher' | 'kafka';

/** One region of the demo, as anybody could reach it. */
export interface RegionWorld {
  readonly name: string;
  /** Addresses of its pods. */
  readonly pods: readonly string[];
  readonly adminUrl: string;
  /** A plain client of the region's DynamoDB: a writer that knows nothing of Tidemark. */
  readonly dynamodb: DynamoDBClient;
}

/** Two regions with three pods each, sync, dispatcher and admin; in one process, or each role in its own. */
export interface World {
  /** `embedded`, or `apache 4.2.0`. */
  readonly kafka: string;
  readonly regions: readonly RegionWorld[];
  readonly topicPrefixOf: (region: string) => string;
  /** Whether Kafka can be killed: not when it is somebody else's. */
  readonly ownsKafka: boolean;
  /** Ends a role at once. */
  kill(region: string, role: Role): Promise<void>;
  restart(region: string, role: Role): Promise<void>;
  /** Resolves when everything written before has come through. */
  quiesce(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}
