import { type TopicPartition } from '@tidemark/pipeline';
import { FakeLeaseStore } from '@tidemark/pipeline/testing';
import {
  type CdcEvent,
  decodeLogNote,
  decodeRecord,
  decodeRewindNote,
  encodeRoute,
  type WireRecord,
} from '@tidemark/protocol';
import { SimStream } from '../aws/sim-stream.js';
import { SimGroup } from '../kafka/sim-group.js';
import { placeOf, SimKafka, type TopicPlace } from '../kafka/sim-kafka.js';
import { Link } from '../network/link.js';
import { type SimProcess } from '../time/sim-process.js';
import { type Random } from '../time/random.js';
import { type TraceLevel } from '../time/trace.js';
import { type WorldContext } from './context.js';
import { keyOfItem, names, type RegionName, table } from './names.js';
import { RewindWatch } from './rewind-watch.js';
import { RouteWatch, showRoute } from './route-watch.js';
import { VisibilityDoubt } from './visibility-doubt.js';

export type ServiceName = 'dynamodb' | 'kafka' | 'kinesis' | 'leases';

/** What a region has besides its processes: a stream, a lease table, brokers and the routing table. */
export class Region {
  readonly name: RegionName;
  readonly stream: SimStream;
  readonly leases = new FakeLeaseStore();
  readonly kafka: SimKafka;
  readonly group: SimGroup;
  readonly routes: RouteWatch;
  readonly rewinds: RewindWatch;
  readonly visibility = new VisibilityDoubt();
  /** Share of the calls to the table that are throttled. */
  throttledShare = 0;
  readonly #context: WorldContext;
  readonly #random: Random;
  /** Partitions of the table topic that were made anew: of which topic they were before. */
  readonly #anew = new Map<number, string | undefined>();
  #topics = 0;

  constructor(name: RegionName, context: WorldContext) {
    this.name = name;
    this.#context = context;
    this.#random = context.random.fork(name);
    const { scheduler, config, counters, trace } = context;
    this.stream = new SimStream({
      ...{ shards: config.shards, pageMax: 20, retentionMs: config.retentionMs, nowMs: () => scheduler.nowMs },
      onLost: (records) => {
        counters.add('Kinesis retention lost records', records);
        trace.note(`${name}/stream`, `forgets ${records} records that nobody has read`, 'story');
      },
    });
    this.routes = new RouteWatch(
      (how) => counters.add(`move ended ${how}`),
      () => counters.add('report of a pod that follows a limited topic'),
    );
    this.kafka = new SimKafka(
      () => scheduler.nowMs,
      (topic, partition, record) => this.#noteAppend(topic, partition, record),
    );
    this.group = new SimGroup({
      ...{ kafka: this.kafka, nowMs: () => scheduler.nowMs, sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 8_000 },
      afterMs: (delayMs, fn) => scheduler.after(delayMs, fn),
      onRebalance: (generation, members) => {
        counters.add('group rebalanced');
        trace.note(`${name}/group`, `generation ${generation}: ${members.join(', ')}`, 'story');
      },
      onExpelled: (member) => {
        counters.add('dispatcher expelled');
        trace.note(`${name}/group`, `${member} is thrown out`, 'story');
      },
      onCommit: (place, offset, metadata) => {
        this.rewinds.noteCommit(place, offset, decodeRewindNote(metadata), this.routes.route);
        const topicId = decodeLogNote(metadata)?.topicId;
        this.#noteCommit(place, topicId);
      },
    });
    const place = (partition: number): TopicPartition => ({ topic: names.cdc(table), partition });
    this.rewinds = new RewindWatch({
      logs: () => (this.kafka.has(names.cdc(table)) ? this.kafka.partitions(names.cdc(table)) : []),
      noteOf: (partition) => this.group.noteOf(place(partition)),
      hasCommitted: (partition) => this.group.committed(place(partition)) !== undefined,
    });
    this.kafka.createTopic(names.routes, 1);
    this.kafka.createTopic(names.pods, 1);
    this.kafka.createTopic(names.deadLetters, 1);
    this.kafka.createTopic(names.cdc(table), config.partitions);
    this.writeRoute({ [this.newTopic()]: 'now' });
  }

  /** The table's topics, and since which version of the route each has carried it. */
  get route(): Readonly<Record<string, number>> {
    return this.routes.topics;
  }

  /** Makes a cache topic; names are never used again. */
  newTopic(): string {
    this.#topics += 1;
    const topic = `${names.cache(table)}.${this.#topics}`;
    this.kafka.createTopic(topic, this.#context.config.partitions);
    return topic;
  }

  /** Writes the next version of the route beside the admin, under its epoch. `now`: a topic that is added, or comes back. */
  writeRoute(topics: Readonly<Record<string, number | 'now'>>): void {
    const version = (this.routes.route?.version ?? 0) + 1;
    const route = {
      topics: Object.fromEntries(
        Object.entries(topics).map(([topic, since]) => [topic, since === 'now' ? version : since]),
      ),
      ...{ table, version, writerEpoch: Math.max(1, this.routes.epoch), deleted: false },
      ...{ changedAt: 0, changedBy: 'simulation' },
    };
    this.kafka.append(names.routes, 0, { key: table, value: Buffer.from(encodeRoute(route)), header: null });
  }

  /** What is at `offset` and beyond, of one partition or of all, is not what it was. */
  readonly noteOtherLog = (topic: string, partition?: number, offset = 0): void => {
    const where = `${shortTopic(topic)}${partition === undefined ? '' : `:${partition}`}`;
    this.#context.trace.note(`${this.name}/kafka`, `${where} is another log from ${offset} on`, 'story');
    if (topic !== names.cdc(table)) return;
    this.rewinds.noteOtherLog(partition, offset);
    const before = this.kafka.partitions(topic);
    for (const each of before.keys()) {
      if (partition !== undefined && partition !== each) continue;
      this.#anew.set(each, partition === undefined ? this.kafka.idOf(topic) : undefined);
      this.visibility.begin(each, this.#context.lives.values());
    }
  };

  throttles(): boolean {
    if (this.throttledShare === 0 || !this.#random.chance(this.throttledShare)) return false;
    this.#context.counters.add('throttled');
    return true;
  }

  link(process: SimProcess, service: ServiceName): Link {
    const { scheduler, trace, config, counters } = this.#context;
    const { dynamodb, kafka, kinesis } = config.latencyMs;
    const latencyMs = { dynamodb, kafka, kinesis, leases: dynamodb }[service];
    const random = process.random.moments(service);
    return new Link({
      ...{ process, service, scheduler, trace, latencyMs, random },
      onTrouble: (trouble, link) => counters.add(`${roleOf(link.process.name)}-${service}: ${trouble}`),
    });
  }

  #noteCommit({ topic, partition }: TopicPartition, topicId: string | undefined): void {
    const before = this.#anew.get(partition);
    const isPresent = before !== undefined && topicId !== before && topicId === this.kafka.idOf(topic);
    this.visibility.noteCommit(partition, isPresent, () => {
      const topics = this.kafka.topics.filter((each) => each.startsWith(names.cache(table)));
      const ends = topics.flatMap((each) =>
        this.kafka.partitions(each).map(({ end }, index): [TopicPlace, number] => [placeOf(each, index), end]),
      );
      return new Map(ends);
    });
  }

  #noteAppend(topic: string, partition: number, record: WireRecord): void {
    const { nowMs } = this.#context.scheduler;
    if (topic.startsWith(names.cache(table))) this.rewinds.noteSent(partition, record);
    if (topic === names.pods) this.routes.noteReport(record, nowMs);
    const route = topic === names.routes ? this.routes.noteRoute(record, nowMs) : undefined;
    if (route !== undefined)
      this.#context.trace.note(`${this.name}/routes`, `${table} goes to ${showRoute(route)}`, 'story');
    const { what, key, level } = describeAppend(topic, record);
    this.#context.trace.note(`${this.name}/kafka`, `${shortTopic(topic)}:${partition} + ${what}`, level, key);
  }
}

interface Appended {
  readonly what: string;
  readonly level: TraceLevel;
  readonly key?: string;
}

function describeAppend(topic: string, record: WireRecord): Appended {
  if (topic === names.routes || topic === names.pods) return { what: 'record', level: 'detail' };
  const decoded = decodeRecord(record);
  if (decoded.type === 'event') return describeEvent(decoded.event);
  if (decoded.type !== 'control') return { what: decoded.type, level: 'story' };
  const { record: control } = decoded;
  if (control.control !== 'watermark') return { what: control.control, level: 'story' };
  return { what: `watermark ${control.at % 1_000_000} since ${control.since}`, level: 'detail' };
}

function describeEvent({ key, to, lane, value }: CdcEvent): Appended {
  const shown = value === null ? 'nothing' : Buffer.from(value).toString();
  const what = `${lane === 'fast' ? 'fast ' : ''}change of ${keyOfItem(key)} to ${shown} ${to?.slice(8, 16) ?? ''}`;
  return { what, level: 'story', key: keyOfItem(key) };
}

function shortTopic(topic: string): string {
  return topic.slice(names.prefix.length + 1);
}

function roleOf(name: string): string {
  return name.replace(/^.*\/([a-z]+).*$/, '$1');
}
