import { type Clock, type Logger, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';
import {
  type Admin,
  type AdminConfig,
  type Consumer,
  type ConsumerConfig,
  Kafka,
  type KafkaConfig,
  logLevel,
  type Producer,
  type ProducerConfig,
} from 'kafkajs';
import { patchBroker } from './broker-patch.js';
import { connectionError } from './connection-error.js';
import { patchConnection } from './connection-patch.js';
import { patchFetch } from './fetch-patch.js';
import { patchFollowers } from './follower-patch.js';
import { kafkaLogCreator } from './kafka-log.js';
import { patchMembership } from './membership-patch.js';
import { patchMetadata } from './metadata-patch.js';
import { patchPartialAnswers } from './partial-answer-patch.js';
import { patchPool } from './pool-patch.js';
import { patchProduce } from './produce-patch.js';
import { patchRunner } from './runner-patch.js';
import { patchIdleTimer } from './timer-patch.js';

export interface KafkaClientOptions {
  /** `host:port` of some of the brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Name in the brokers' logs and quotas. Default `tidemark`. */
  readonly clientId?: string;
  /** Default off. */
  readonly ssl?: KafkaConfig['ssl'];
  /** Default none. */
  readonly sasl?: KafkaConfig['sasl'];
  /** A broker that does not accept a connection by then is down, ms. Default 1,000. */
  readonly connectionTimeoutMs?: number;
  /** A broker that does not answer a request by then is down, ms. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Takes kafkajs's own lines, thinned out, at debug. Default none. */
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Makes producers, consumers and admins; connects to nothing itself. */
export interface KafkaClient {
  producer(config: ProducerConfig): Producer;
  consumer(config: ConsumerConfig): Consumer;
  admin(config: AdminConfig): Admin;
}

/**
 * A client from options, or over a `Kafka` made elsewhere. A `Kafka` keeps the committed offsets of its groups by group id, so with a
 * ready one, two members of one group in one process must not share it; from options every part gets its own.
 */
export function createKafkaClient(options: KafkaClientOptions | Kafka): KafkaClient {
  patchIdleTimer();
  patchConnection();
  patchBroker();
  patchPool();
  patchProduce();
  patchRunner();
  patchMembership();
  patchFollowers();
  patchMetadata();
  patchPartialAnswers();
  patchFetch();
  if (isKafka(options)) return options;
  const config = configOf(options);
  const { brokers } = options;
  let made = 0;
  const kafka = (): Kafka => new Kafka({ ...config, brokers: startingAt(brokers, made++ % brokers.length) });
  return {
    producer: (producer) => told(kafka().producer(producer), config),
    consumer: (consumer) => told(kafka().consumer(consumer), config),
    admin: (admin) => told(kafka().admin(admin), config),
  };
}

/**
 * Each client asks another broker first. Of one that accepts connections and answers nothing, such as a process that is stopped, kafkajs goes on to
 * the next once a request has timed out: an admin call that is given up before that would never get there, however often it is made anew.
 */
function startingAt(brokers: readonly string[], first: number): string[] {
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

/** Where the login or the certificate is to blame, a connection that fails says so by the name of its option. */
function told<Part extends { connect(): Promise<void> }>(part: Part, config: KafkaConfig): Part {
  const connect = part.connect.bind(part);
  part.connect = () =>
    connect().catch((error: unknown) => {
      throw connectionError(error, config);
    });
  return part;
}

/** Bounded everywhere: whatever goes on for ever is a loop of Tidemark's own, which can be stopped. */
export const shortRetry = { initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2, retries: 4 };

function configOf(options: KafkaClientOptions): KafkaConfig {
  const { brokers, clientId = 'tidemark', ssl, sasl, logger = silentLogger, clock = systemClock } = options;
  if (!isBrokers(brokers)) throw invalid('brokers', "an array of 'host:port'", brokers);
  return {
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    connectionTimeout: positive('connectionTimeoutMs', options.connectionTimeoutMs ?? 1_000),
    requestTimeout: positive('requestTimeoutMs', options.requestTimeoutMs ?? 10_000),
    retry: shortRetry,
    logLevel: logLevel.WARN,
    logCreator: kafkaLogCreator(logger, clock),
  };
}

function isBrokers(brokers: unknown): brokers is readonly string[] {
  return Array.isArray(brokers) && brokers.length > 0 && brokers.every((broker) => /^.+:\d{1,5}$/.test(String(broker)));
}

/** Not by `instanceof`: a process may hold kafkajs twice. */
function isKafka(options: KafkaClientOptions | Kafka): options is Kafka {
  return typeof (options as Partial<Kafka>).consumer === 'function';
}

/** `value` when it is a positive, finite number; throws `INVALID_OPTIONS` naming `field` otherwise. */
export function positive(field: string, value: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw invalid(field, 'a positive number', value);
}

function invalid(field: string, expected: string, got: unknown): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `kafka.${field}: expected ${expected}, got ${JSON.stringify(got)}`, {
    retriable: false,
    context: { field, expected, got },
  });
}
