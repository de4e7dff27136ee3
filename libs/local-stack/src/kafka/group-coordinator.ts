import { type Clock } from '@tidemark/runtime';
import { randomUUID } from 'node:crypto';
import { type BrokerStore, type StoredOffset } from './broker-store.js';
import { ConsumerGroup } from './consumer-group.js';
import { type KafkaErrorName } from './error-codes.js';
import {
  type Assignment,
  type JoinAnswer,
  joinRefusal,
  type JoinRequest,
  type SyncAnswer,
  syncRefusal,
} from './group-member.js';
import { type GroupState } from './group-rules.js';

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly store: BrokerStore;
  readonly initialRebalanceDelayMs: number;
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
  /** Bound on the groups there are. */
  readonly groupsMax: number;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string | null;
}

export interface GroupDescription {
  readonly id: string;
  readonly state: GroupState;
  readonly protocolType: string;
  readonly protocol: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly clientHost: string;
    readonly metadata: Buffer;
    readonly assignment: Buffer;
  }[];
}

/** All groups of the broker and the offsets they committed; the offsets outlive the members. */
export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  readonly #groups = new Map<string, ConsumerGroup>();
  /** Group → `topic/partition` → offset. */
  readonly #commits = new Map<string, Map<string, CommittedOffset>>();
  #isAvailable = true;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    for (const event of options.store.events()) {
      if (event.type === 'commit') this.#remember(event.group, event.offsets.map(readStored));
    }
  }

  /** Whether requests about groups are answered here; see `moveAway`. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  get size(): number {
    return this.ids().length;
  }

  ids(): string[] {
    return [...new Set([...this.#groups.keys(), ...this.#commits.keys()])];
  }

  /** The group, if it has or had members since the broker knows it. */
  get(id: string): ConsumerGroup | undefined {
    return this.#groups.get(id);
  }

  join(request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    if (groupId === '') return joinRefusal('INVALID_GROUP_ID', memberId);
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = this.#options;
    if (sessionTimeoutMs < sessionTimeoutMinMs || sessionTimeoutMs > sessionTimeoutMaxMs) {
      return joinRefusal('INVALID_SESSION_TIMEOUT', memberId);
    }
    const group = this.#groups.get(groupId);
    if (group !== undefined) return group.join(request);
    if (memberId !== '') return joinRefusal('UNKNOWN_MEMBER_ID', memberId);
    if (this.size >= this.#options.groupsMax) return joinRefusal('COORDINATOR_NOT_AVAILABLE', memberId);
    return this.#add(groupId).join(request);
  }

  sync(
    groupId: string,
    memberId: string,
    generation: number,
    assignments: readonly Assignment[],
  ): SyncAnswer | Promise<SyncAnswer> {
    return this.#groups.get(groupId)?.sync(memberId, generation, assignments) ?? syncRefusal('UNKNOWN_MEMBER_ID');
  }

  heartbeat(groupId: string, memberId: string, generation: number): KafkaErrorName {
    return this.#groups.get(groupId)?.heartbeat(memberId, generation) ?? 'UNKNOWN_MEMBER_ID';
  }

  leave(groupId: string, memberId: string): KafkaErrorName {
    return this.#groups.get(groupId)?.leave(memberId) ?? 'UNKNOWN_MEMBER_ID';
  }

  /** Whether this member may commit; someone who claims no generation makes the group when there is none. */
  mayCommit(groupId: string, memberId: string, generation: number): KafkaErrorName {
    if (groupId === '') return 'INVALID_GROUP_ID';
    const group = this.#groups.get(groupId);
    if (group !== undefined) return group.mayCommit(memberId, generation);
    return generation < 0 ? 'NONE' : 'ILLEGAL_GENERATION';
  }

  /** Remembers offsets, on disk first. Whether it is allowed to is for `mayCommit` to say. */
  commit(groupId: string, offsets: readonly CommittedOffset[]): void {
    if (offsets.length === 0) return;
    this.#options.store.note({ type: 'commit', group: groupId, offsets: offsets.map(toStored) });
    this.#remember(groupId, offsets);
  }

  committed(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#commits.get(groupId)?.get(`${topic}/${partition}`);
  }

  allCommitted(groupId: string): CommittedOffset[] {
    return [...(this.#commits.get(groupId)?.values() ?? [])];
  }

  /** A group that is not known is described as dead. */
  describe(id: string): GroupDescription {
    const group = this.#groups.get(id);
    const state = group?.state ?? (this.#commits.has(id) ? 'Empty' : 'Dead');
    const protocol = group?.protocol ?? '';
    const members = (group?.members ?? []).map((member) => ({
      memberId: member.id,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: member.metadata(protocol),
      assignment: member.assignment,
    }));
    return { id, state, protocolType: group?.protocolType ?? '', protocol, members };
  }

  /** Deletes a group and its offsets, if nobody is in it. */
  delete(id: string): KafkaErrorName {
    const group = this.#groups.get(id);
    if (group === undefined && !this.#commits.has(id)) return 'GROUP_ID_NOT_FOUND';
    if (group !== undefined && !group.delete()) return 'NON_EMPTY_GROUP';
    this.#groups.delete(id);
    if (this.#commits.has(id)) this.#options.store.note({ type: 'group-deleted', group: id });
    this.#commits.delete(id);
    return 'NONE';
  }

  /** Forgets the offsets that were committed for a topic that was deleted. */
  forgetTopic(topic: string): void {
    for (const offsets of this.#commits.values()) {
      for (const [id, committed] of offsets) if (committed.topic === topic) offsets.delete(id);
    }
  }

  /** Forgets groups in which nobody is and which committed nothing. */
  clean(): void {
    for (const [id, group] of this.#groups) {
      if (!this.#commits.has(id) && group.isVacant && group.delete()) this.#groups.delete(id);
    }
  }

  /** Another broker would be the coordinator now: requests about groups are refused until `comeBack`. */
  moveAway(): void {
    this.#isAvailable = false;
    this.suspend();
  }

  comeBack(): void {
    this.#isAvailable = true;
    this.resume();
  }

  suspend(): void {
    for (const group of this.#groups.values()) group.suspend();
  }

  resume(): void {
    for (const group of this.#groups.values()) group.resume();
  }

  #add(id: string): ConsumerGroup {
    const { clock, initialRebalanceDelayMs } = this.#options;
    const newMemberId = (clientId: string): string => `${clientId}-${randomUUID()}`;
    const group = new ConsumerGroup(id, { clock, initialRebalanceDelayMs, newMemberId });
    this.#groups.set(id, group);
    return group;
  }

  #remember(groupId: string, offsets: readonly CommittedOffset[]): void {
    const known = this.#commits.get(groupId) ?? new Map<string, CommittedOffset>();
    this.#commits.set(groupId, known);
    for (const committed of offsets) known.set(`${committed.topic}/${committed.partition}`, committed);
  }
}

function toStored(committed: CommittedOffset): StoredOffset {
  return { ...committed, offset: String(committed.offset) };
}

function readStored(stored: StoredOffset): CommittedOffset {
  return { ...stored, offset: BigInt(stored.offset) };
}
