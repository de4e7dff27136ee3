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

declare module 'kafkajs/src/consumer/consumerGroup.js' {
  import { type OffsetsByTopicPartition } from 'kafkajs';

  /** A member's offsets in one generation of its group. */
  interface OffsetManager {
    /** Connected; may take as long as connecting does. */
    getCoordinator(): Promise<unknown>;
    /** One request, in the name of that generation. */
    commitOffsets(offsets: OffsetsByTopicPartition): Promise<void>;
  }

  /** A consumer's membership of its group. */
  export default class ConsumerGroup {
    constructor(options: object);
    readonly cluster: object;
    topicsSubscribed: string[];
    readonly topicConfigurations: Record<string, { fromBeginning?: boolean }>;
    /** Of the generation that was joined last; none before the first. */
    offsetManager: OffsetManager | null;
    connect(): Promise<void>;
    heartbeat(of: { readonly interval: number }): Promise<void>;
    /** Joins the group and takes its assignment; again by itself only where the group is in motion. */
    joinAndSync(): Promise<void>;
    /** Fetches once what is assigned and read from this broker. */
    fetch(nodeId: number): Promise<unknown[]>;
    /** Followers that the brokers have named, by topic and partition. */
    readonly preferredReadReplicasPerTopicPartition: Record<string, Record<number, { readonly nodeId: number }>>;
    /** Has a partition read from its log's start. */
    recoverFromOffsetOutOfRange(of: { readonly topic: string; readonly partition: number }): Promise<void>;
  }
}
