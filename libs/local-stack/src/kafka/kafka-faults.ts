import { TidemarkError } from '@tidemark/runtime';
import { type ApiName } from './api-table.js';
import { type KafkaErrorName } from './error-codes.js';
import { type GroupCoordinator } from './group-coordinator.js';
import { type Partition } from './partition.js';
import { type RequestFaults } from './request-faults.js';
import { type Topics } from './topics.js';

export { type ApiName };

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface FaultTargets {
  readonly requests: RequestFaults;
  readonly topics: Topics;
  readonly groups: GroupCoordinator;
  readonly dropConnections: () => void;
}

/**
 * Everything that can be made to go wrong, at the moment it is asked for. A topic, partition or member that is not there throws
 * `INVALID_OPTIONS`: a fault that hits nothing would let a test pass that proves nothing.
 */
export class KafkaFaults {
  readonly #targets: FaultTargets;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  /** Holds each of the next `requests` requests of a kind for `delayMs` before it is carried out; its connection waits with it. */
  delay(api: ApiName, delayMs: number, requests = 1): void {
    this.#targets.requests.arm(api, requests, { delayMs });
  }

  /** Closes the connection on each of the next `requests` requests of a kind, which is not carried out. */
  dropConnection(api: ApiName, requests = 1): void {
    this.#targets.requests.arm(api, requests, { isDropped: true });
  }

  /** Carries out each of the next `requests` requests of a kind, and closes the connection in place of the answer. */
  loseAnswer(api: ApiName, requests = 1): void {
    this.#targets.requests.arm(api, requests, { losesAnswer: true });
  }

  /** Answers an error to each of the next `requests` requests of a kind, for all that it names, and carries nothing out. */
  answerError(api: ApiName, error: KafkaErrorName, requests = 1): void {
    this.#targets.requests.arm(api, requests, { error });
  }

  /** Closes all connections now; clients may come back at once. */
  dropConnections(): void {
    this.#targets.dropConnections();
  }

  /**
   * Takes the leader away from a topic's partitions, or from one: reads and writes are refused with `NOT_LEADER_FOR_PARTITION`, waiting fetches
   * are answered so at once, and metadata names no leader, until the returned function elects it again.
   */
  loseLeader(topic: string, partition?: number): () => void {
    const partitions = partition === undefined ? this.#partitionsOf(topic) : [this.#partition({ topic, partition })];
    for (const each of partitions) each.loseLeader();
    return () => {
      for (const each of partitions) each.electLeader();
    };
  }

  /** Refuses every write into a topic with `TOPIC_AUTHORIZATION_FAILED`, as without the permission, until the returned function gives it back. */
  forbidWrites(topic: string): () => void {
    const partitions = this.#partitionsOf(topic);
    for (const each of partitions) each.isForbidden = true;
    return () => {
      for (const each of partitions) each.isForbidden = false;
    };
  }

  /** Refuses every read of a partition with `KAFKA_STORAGE_ERROR`, as with a disk that cannot be read, until the returned function mends it. */
  breakDisk(name: PartitionName): () => void {
    const partition = this.#partition(name);
    partition.isUnreadable = true;
    return () => {
      partition.isUnreadable = false;
    };
  }

  /** A leader change that is over before anyone asks for metadata: the next `requests` produces and fetches get `NOT_LEADER_FOR_PARTITION`. */
  changeLeader(requests = 1): void {
    this.answerError('Produce', 'NOT_LEADER_FOR_PARTITION', requests);
    this.answerError('Fetch', 'NOT_LEADER_FOR_PARTITION', requests);
  }

  /**
   * Moves the groups' coordinator away: requests about groups are refused with `NOT_COORDINATOR`, and there is none to be found, until the
   * returned function brings it back. Stable groups are found again as they were; others have lost their members.
   */
  moveCoordinator(): () => void {
    this.#targets.groups.moveAway();
    return () => this.#targets.groups.comeBack();
  }

  /** Ends a member's session, as if nothing had been heard of it for too long; without an id, that of the group's leader. */
  kickMember(groupId: string, memberId?: string): void {
    const group = this.#targets.groups.get(groupId);
    const kicked = memberId ?? group?.leaderId ?? '';
    if (group?.expel(kicked) !== true) throw missing('member', { groupId, memberId });
  }

  /** Ends the sessions of all members of a group. */
  expireGroup(groupId: string): void {
    const group = this.#targets.groups.get(groupId);
    if (group === undefined || group.members.length === 0) throw missing('group with members', { groupId });
    group.expelAll();
  }

  /** Appends a batch without records that takes `offsetCount` offsets, such as log cleaners leave behind. */
  plantEmptyBatch(name: PartitionName, offsetCount = 1): void {
    this.#partition(name).plantEmptyBatch(offsetCount);
  }

  /** Deletes the records before `offset`: retention passes the readers that are not there yet. */
  truncateBefore(name: PartitionName, offset: bigint): void {
    this.#partition(name).deleteBefore(offset);
  }

  /** Deletes the records from `offset` on, with the batch it lies in: acknowledged records are lost, and their offsets are given again. */
  truncateFrom(name: PartitionName, offset: bigint): void {
    this.#partition(name).deleteFrom(offset);
  }

  /** Takes back what waits for requests. */
  clear(): void {
    this.#targets.requests.disarm();
  }

  #partition({ topic, partition }: PartitionName): Partition {
    const found = this.#targets.topics.partition(topic, partition);
    if (found === undefined) throw missing('partition', { topic, partition });
    return found;
  }

  #partitionsOf(topic: string): readonly Partition[] {
    const found = this.#targets.topics.get(topic);
    if (found === undefined) throw missing('topic', { topic });
    return found.partitions;
  }
}

function missing(what: string, context: Readonly<Record<string, unknown>>): TidemarkError {
  const names = Object.values(context).map(String).join('/');
  return new TidemarkError('INVALID_OPTIONS', `the embedded Kafka has no ${what} ${names}`, {
    retriable: false,
    context,
  });
}
