/** The inner modules of kafkajs 2.2.4 that Tidemark mends; the version is pinned. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    constructor(options: object);
    readonly pending: unknown[];
    readonly inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
    readonly throttleCheckTimeoutId: unknown;
    readonly enforceRequestTimeout: boolean;
    /** Ms. */
    readonly requestTimeout: number;
    isConnected(): boolean;
    scheduleCheckPendingRequests(): void;
    scheduleRequestTimeoutCheck(): void;
    destroy(): void;
  }
}

declare module 'kafkajs/src/network/connection.js' {
  import { type Socket } from 'node:net';

  export default class Connection {
    constructor(options: object);
    /** Bytes of an answer that is not complete. */
    chunks: Buffer[];
    bytesBuffered: number;
    bytesNeeded: number;
    socket?: Socket;
    readonly requestQueue: { fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void };
    isConnected(): boolean;
    connect(): Promise<boolean>;
    disconnect(): Promise<boolean>;
  }
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C/index.js' {
  /** Unsigned. */
  export default function crc32C(bytes: Uint8Array): number;
}

declare module 'kafkajs/src/protocol/requests/produce/index.js' {
  /** What kafkajs copies an encoded request from. */
  interface Encoded {
    readonly buf: Buffer;
    readonly buffer: Buffer;
  }

  interface ProduceProtocol {
    readonly request: { encode(): Promise<Encoded> };
  }

  const produce: {
    protocol: (of: { readonly version: number }) => (options: object) => ProduceProtocol;
  };
  export default produce;
}

declare module 'kafkajs/src/producer/groupMessagesPerPartition.js' {
  import { type Message } from 'kafkajs';

  export default function groupMessagesPerPartition(of: {
    readonly topic: string;
    readonly partitionMetadata: readonly unknown[];
    readonly messages: Message[];
    readonly partitioner: (of: { message: Message }) => number;
  }): Record<number, Message[]>;
}

declare module 'kafkajs/src/cluster/brokerPool.js' {
  import { type TopicMetadata } from 'kafkajs/src/cluster/index.js';

  type Attempt<T> = (bail: (error: Error) => void, retryCount: number, retryTime: number) => Promise<T>;

  /** A broker as a pool has it. */
  export interface PooledBroker {
    /** `null`: one of those that the client was given, which has not told it. */
    readonly nodeId: number | null;
    /** Two connections: one for fetches, one for everything else. */
    readonly connectionPool: {
      isConnected(): boolean;
      /** Connected before, where it is not. */
      send: (request: object) => Promise<unknown>;
    };
    isConnected(): boolean;
    /** Resolves when all is answered and the connections are ended; one that is used later is opened again. */
    disconnect(): Promise<void>;
  }

  /** The brokers that a client knows, and its connections to them. */
  export default class BrokerPool {
    constructor(options: object);
    /** Tries what may fail for a while, and gives up where it bails. */
    retrier: (attempt: Attempt<unknown>) => Promise<unknown>;
    createBroker: (options: object) => object;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    /** As it was answered last. */
    metadata: { readonly topicMetadata: readonly TopicMetadata[] } | null;
    /** When it is asked for again, ms since the epoch. */
    metadataExpireAt: number | null;
    /** By their ids. */
    readonly brokers: Readonly<Record<string, PooledBroker>>;
    /** Connected. */
    findBroker(of: { readonly nodeId: number | string | null }): Promise<PooledBroker>;
    /** Has it forgotten; its connections stay as they are. */
    removeBroker(at: { readonly host: string; readonly port: number }): void;
    refreshMetadata(topics: readonly string[]): Promise<void>;
  }
}

declare module 'kafkajs/src/cluster/index.js' {
  export interface TopicMetadata {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly {
      readonly partitionErrorCode: number;
      readonly partitionId: number;
      /** -1: none. */
      readonly leader: number;
    }[];
    /** Tidemark's own: see `partial-answer-patch.ts`. */
    readonly refusedCode?: number;
  }

  interface OffsetsOfTopic {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }

  /** What one client knows of its brokers and topics. */
  export default class Cluster {
    constructor(options: object);
    readonly brokerPool: {
      /** As it was answered last. */
      readonly metadata: { readonly topicMetadata: readonly TopicMetadata[] } | null;
    };
    disconnect(): Promise<void>;
    /** Connected. Rejects when the brokers name none in a few attempts. */
    findGroupCoordinator(of: { readonly groupId: string }): Promise<object>;
    /** Has metadata of them from now on. */
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    /** Partitions by the id of their leader. */
    findLeaderForPartitions(topic: string, partitions: readonly (number | string)[]): Record<string, number[]>;
    /** Of each partition, as its leader answers. */
    fetchTopicsOffset(
      topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[],
    ): Promise<OffsetsOfTopic[]>;
  }
}

declare module 'kafkajs/src/consumer/runner.js' {
  /** What fetches for a consumer, from its start to its end. */
  export default class Runner {
    running: boolean;
    fetch(nodeId: number): Promise<unknown[]>;
  }
}

declare module 'kafkajs/src/consumer/fetchManager.js' {
  interface FetchManager {
    start(): Promise<void>;
    stop(): Promise<void>;
  }

  export default function createFetchManager(options: {
    readonly logger: object;
    readonly getNodeIds: () => readonly number[];
    readonly fetch: (nodeId: number) => Promise<unknown[]>;
    readonly handler: (batch: unknown) => Promise<void>;
  }): FetchManager;
}

declare module 'kafkajs/src/consumer/consumerGroup.js' {
  import { type OffsetsByTopicPartition } from 'kafkajs';

  /** A member's offsets in one generation of its group. */
  interface OffsetManager {
    /** Asked for as long as it is connected. */
    coordinator: object;
    /** Connected; may take as long as connecting does. */
    getCoordinator(): Promise<unknown>;
    /** One request, in the name of that generation. */
    commitOffsets(offsets: OffsetsByTopicPartition): Promise<void>;
  }

  interface NamedFollower {
    readonly nodeId: number;
    /** Ms since the epoch. */
    readonly expireAt?: number;
  }

  /** A consumer's membership of its group. */
  export default class ConsumerGroup {
    constructor(options: object);
    readonly cluster: object;
    readonly groupId: string;
    topicsSubscribed: string[];
    readonly topicConfigurations: Record<string, { fromBeginning?: boolean }>;
    /** The broker that is sent heartbeats; none before the first join. */
    coordinator: object | null;
    /** Of the generation that was joined last; none before the first. */
    offsetManager: OffsetManager | null;
    connect(): Promise<void>;
    heartbeat(of: { readonly interval: number }): Promise<void>;
    /** Joins the group and takes its assignment; again by itself only where the group is in motion. */
    joinAndSync(): Promise<void>;
    /** Fetches once what is assigned and read from this broker. */
    fetch(nodeId: number): Promise<unknown[]>;
    /** Followers that the brokers have named, by topic and partition. */
    readonly preferredReadReplicasPerTopicPartition: Record<string, Record<number, NamedFollower>>;
    /** Partitions of a topic by the broker to read them from: the follower that was named, or the leader. */
    findReadReplicaForPartitions(topic: string, partitions: readonly number[]): Record<number, number[]>;
    /** Has a partition read from its log's start. */
    recoverFromOffsetOutOfRange(of: {
      readonly topic: string;
      readonly partition: number;
      /** Tidemark's own: see `fetch-patch.ts`. */
      readonly nodeId?: number;
    }): Promise<void>;
  }
}

declare module 'kafkajs/src/broker/index.js' {
  interface FetchPartition {
    readonly partition: number;
    readonly fetchOffset: string;
    readonly maxBytes: number;
    /** Tidemark's own: see `fetch-places.ts`. */
    readonly place?: { readonly topicId: string | undefined; readonly leaderEpoch: number | undefined };
  }

  interface FetchOptions {
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly isolationLevel?: number;
    readonly rackId?: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchPartition[] }[];
  }

  interface FetchAnswerPartition {
    readonly partition: number;
    readonly errorCode: number;
    readonly highWatermark: string;
    readonly messages: readonly object[];
  }

  interface FetchAnswer {
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly FetchAnswerPartition[];
    }[];
    /** Tidemark's own: see `fetch-places.ts`. */
    readonly refused?: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly why: 'not-given' | 'cut';
    }[];
    /** Tidemark's own: see `fetch-places.ts`. */
    readonly nothing?: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[];
    /** Tidemark's own: partitions that the broker has read for the answer, and in which it has found no record. */
    readonly empty?: readonly { readonly topic: string; readonly partition: number }[];
  }

  /** A broker as one cluster knows it. */
  export default class Broker {
    constructor(options: object);
    readonly nodeId: number;
    /** Resolves when the broker has said what it can do. */
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    fetch(options: FetchOptions): Promise<FetchAnswer>;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    constructor(bytes: Buffer);
  }
}

declare module 'kafkajs/src/protocol/error.js' {
  const protocolError: { createErrorFromCode(code: number): Error };
  export default protocolError;
}

declare module 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  /** Of a byte string behind its length in four bytes. */
  export default function decodeMessages(decoder: Decoder): Promise<object[]>;
}

declare module 'kafkajs/src/protocol/requests/fetch/v11/response.js' {
  import { type FetchAnswer } from 'kafkajs/src/broker/index.js';

  /** `parse` throws what a partition's error code stands for. */
  const response: { parse(answer: FetchAnswer): Promise<FetchAnswer> };
  export default response;
}

declare module 'kafkajs/src/protocol/requests/fetch/index.js' {
  import { type FetchAnswer, type FetchOptions } from 'kafkajs/src/broker/index.js';

  interface FetchProtocol {
    readonly request: object;
    readonly response: {
      decode(answer: Buffer): Promise<FetchAnswer>;
      parse(answer: FetchAnswer): Promise<FetchAnswer>;
    };
    readonly requestTimeout: number;
  }

  const fetch: {
    versions: string[];
    protocol: (of: { readonly version: number }) => (options: FetchOptions) => FetchProtocol;
  };
  export default fetch;
}

declare module 'kafkajs/src/protocol/requests/metadata/v6/response.js' {
  /** `parse` throws what an error code stands for. */
  const response: { parse(answer: object): Promise<object> };
  export default response;
}

declare module 'kafkajs/src/protocol/requests/metadata/index.js' {
  interface MetadataProtocol {
    readonly request: object;
    readonly response: { decode(answer: Buffer): Promise<object>; parse(answer: object): Promise<object> };
  }

  const metadata: {
    versions: string[];
    protocol: (of: {
      readonly version: number;
    }) => (options: {
      readonly topics: readonly string[];
      readonly allowAutoTopicCreation?: boolean;
    }) => MetadataProtocol;
  };
  export default metadata;
}
