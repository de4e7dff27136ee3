import {
  type CdcEvent,
  type ControlRecord,
  decodeRecord,
  encodeControl,
  encodeEvent,
  type Route,
  topicNames,
  type WireRecord,
} from '@tidemark/protocol';
import { type Metric, MetricRegistry } from '@tidemark/runtime';
import { ManualClock, recordingLogger, settle } from '@tidemark/runtime/testing';

import { type DispatcherOptions } from '../dispatch-options.js';
import { Dispatcher } from '../dispatcher.js';
import { FlakyEventSink } from './flaky-event-sink.js';
import { FakeEventSource, FakeTableTopics } from './fake-event-source.js';
import { FakeRoutes, FakeRouteStore } from './fake-route-store.js';

export const names = topicNames();

/** One region's topics, and as many dispatchers as a test starts. */
export class DispatchBench {
  readonly topics = new FakeTableTopics(() => this.clock.now());
  readonly routes = new FakeRoutes();
  readonly sink = new FlakyEventSink({ autoCreate: 0 });
  readonly clock = new ManualClock();

  /** A table topic, which the brokers count like any other. */
  table(table: string, partitions = 2): void {
    this.topics.createTopic(names.cdc(table), partitions);
    this.sink.createTopic(names.cdc(table), partitions);
  }

  /** A dispatcher that is not started. */
  member(options: Partial<DispatcherOptions> = {}): DispatchMember {
    const source = new FakeEventSource(this.topics, { batchRecordsMax: 3 });
    const store = new FakeRouteStore(this.routes);
    const logger = recordingLogger();
    const metrics = new MetricRegistry();
    const { sink, clock } = this;
    const random = () => 0.5;
    const dispatcher = new Dispatcher({
      source,
      sink,
      routes: store,
      names,
      clock,
      logger,
      metrics,
      random,
      ...options,
    });
    return { source, store, logger, metrics, dispatcher };
  }

  async started(options: Partial<DispatcherOptions> = {}): Promise<DispatchMember> {
    const member = this.member(options);
    await member.dispatcher.start();
    await quiet();
    return member;
  }

  append(table: string, partition: number, ...records: readonly WireRecord[]): void {
    this.topics.append(names.cdc(table), partition, ...records);
  }

  committed(table: string, partition: number): number {
    return this.topics.committed(names.cdc(table), partition);
  }

  /** What a pod reads there: keys of events, and `since@at` of watermarks. */
  read(topic: string, partition: number): readonly string[] {
    return this.sink.log(topic, partition).map((record) => {
      const decoded = decodeRecord(record);
      if (decoded.type === 'event') return decoded.event.key;
      if (decoded.type !== 'control') return decoded.type;
      const { control } = decoded.record;
      return decoded.record.control === 'watermark' ? `${decoded.record.since}@${decoded.record.at}` : control;
    });
  }
}

export interface DispatchMember {
  readonly source: FakeEventSource;
  readonly store: FakeRouteStore;
  readonly logger: ReturnType<typeof recordingLogger>;
  readonly metrics: MetricRegistry;
  readonly dispatcher: Dispatcher;
}

/** Lets everything run that needs no time. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settle();
}

export function event(key: string, fields: Partial<CdcEvent> = {}): WireRecord {
  const value = Buffer.from(`"${key}"`);
  const versions = { kind: 'modify', from: null, to: null, stampUs: 1, expiresAt: null, codec: 'json' } as const;
  const place = { lane: 'cdc', region: 'eu-west-1', position: 'shardId-0:1' } as const;
  return encodeEvent({ table: 'users', key, ...versions, ...place, value, ...fields });
}

export function watermark(at: number, table = 'users'): WireRecord {
  return control({ control: 'watermark', table, at, streamId: 'stream-1', since: null });
}

export function control(record: ControlRecord): WireRecord {
  return encodeControl(record);
}

export function route(version: number, topics: Record<string, number>, fields: Partial<Route> = {}): Route {
  const deleted = Object.keys(topics).length === 0;
  return { table: 'users', version, writerEpoch: 1, topics, deleted, changedAt: 0, changedBy: 'test', ...fields };
}

/** The sum of a metric's series, brought up to date first. */
export function metric(registry: MetricRegistry, name: string): number {
  const family = registry.collect().find((each) => each.name === name);
  if (family === undefined) throw new Error(`no metric ${name}`);
  return [...family.series.values()].reduce((sum, series) => sum + (series as Metric).value, 0);
}
