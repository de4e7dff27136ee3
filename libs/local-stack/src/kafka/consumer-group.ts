import { type Clock } from '@tidemark/runtime';
import { errorCodes } from './error-codes.js';

export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface JoinRequest {
  readonly memberId: string;
  readonly clientId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly GroupProtocol[];
}

export interface JoinAnswer {
  readonly error: number;
  readonly generation: number;
  readonly protocol: string;
  readonly leader: string;
  readonly memberId: string;
  /** For the leader alone: who takes part, with what. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

export interface SyncAnswer {
  readonly error: number;
  readonly assignment: Buffer;
}

interface Member {
  readonly id: string;
  clientId: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  assignment: Buffer;
  joining: ((answer: JoinAnswer) => void) | undefined;
  syncing: ((answer: SyncAnswer) => void) | undefined;
  cancelExpiry: () => void;
}

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** Ids given out by MEMBER_ID_REQUIRED and not used yet. */
const pendingMax = 1_000;

/**
 * One consumer group as a coordinator keeps it: `Empty` → `PreparingRebalance` (members join) → `CompletingRebalance` (the leader assigns)
 * → `Stable`. A member is heard of at least once a session time-out, or it is out. What comes with an old generation is refused, so a
 * member that was given up for dead cannot commit.
 */
export class ConsumerGroup {
  readonly id: string;
  readonly #clock: Clock;
  readonly #initialDelayMs: number;
  readonly #members = new Map<string, Member>();
  readonly #pending = new Set<string>();
  #state: GroupState = 'Empty';
  #generation = 0;
  #protocol = '';
  #protocolType = '';
  #leader = '';
  #sequence = 0;
  #firstJoin = false;
  #cancelRebalance: () => void = () => undefined;

  constructor(id: string, clock: Clock, initialDelayMs: number) {
    this.id = id;
    this.#clock = clock;
    this.#initialDelayMs = initialDelayMs;
  }

  get state(): GroupState {
    return this.#state;
  }

  get protocolType(): string {
    return this.#protocolType;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get members(): readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly metadata: Buffer;
    readonly assignment: Buffer;
  }[] {
    return [...this.#members.values()].map((member) => ({
      memberId: member.id,
      clientId: member.clientId,
      metadata: metadataOf(member, this.#protocol),
      assignment: member.assignment,
    }));
  }

  join(request: JoinRequest): Promise<JoinAnswer> {
    const refuse = (error: number, memberId = request.memberId): Promise<JoinAnswer> =>
      Promise.resolve({ error, generation: -1, protocol: '', leader: '', memberId, members: [] });
    if (request.protocols.length === 0 || !this.#compatible(request))
      return refuse(errorCodes.INCONSISTENT_GROUP_PROTOCOL);
    if (request.memberId === '') return refuse(errorCodes.MEMBER_ID_REQUIRED, this.#newMemberId(request.clientId));
    const existing = this.#members.get(request.memberId);
    if (existing === undefined && !this.#pending.delete(request.memberId)) return refuse(errorCodes.UNKNOWN_MEMBER_ID);
    if (existing !== undefined && this.#unchanged(existing, request)) return Promise.resolve(this.#answerOf(existing));
    const member = existing ?? this.#addMember(request);
    Object.assign(member, {
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      protocols: request.protocols,
      clientId: request.clientId,
    });
    this.#protocolType = request.protocolType;
    member.joining?.({
      error: errorCodes.UNKNOWN_MEMBER_ID,
      generation: -1,
      protocol: '',
      leader: '',
      memberId: member.id,
      members: [],
    });
    member.cancelExpiry();
    const answer = new Promise<JoinAnswer>((resolve) => {
      member.joining = resolve;
    });
    this.#prepare();
    this.#completeWhenAllJoined();
    return answer;
  }

  sync(
    memberId: string,
    generation: number,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
  ): Promise<SyncAnswer> {
    const member = this.#members.get(memberId);
    const error = this.#check(member, generation);
    if (member === undefined || error !== errorCodes.NONE)
      return Promise.resolve({ error, assignment: Buffer.alloc(0) });
    if (this.#state === 'PreparingRebalance')
      return Promise.resolve({ error: errorCodes.REBALANCE_IN_PROGRESS, assignment: Buffer.alloc(0) });
    this.#touch(member);
    if (memberId === this.#leader && this.#state === 'CompletingRebalance') this.#assign(assignments);
    if (this.#state === 'Stable') return Promise.resolve({ error: errorCodes.NONE, assignment: member.assignment });
    return new Promise((resolve) => {
      member.syncing = resolve;
    });
  }

  heartbeat(memberId: string, generation: number): number {
    const member = this.#members.get(memberId);
    const error = this.#check(member, generation);
    if (member !== undefined && error === errorCodes.NONE) {
      this.#touch(member);
      if (this.#state === 'PreparingRebalance') return errorCodes.REBALANCE_IN_PROGRESS;
    }
    return error;
  }

  leave(memberId: string): number {
    if (this.#pending.delete(memberId)) return errorCodes.NONE;
    const member = this.#members.get(memberId);
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return errorCodes.NONE;
  }

  /** Whether this member of this generation may commit; nobody's commits are accepted while the group is empty (an operator's). */
  mayCommit(memberId: string, generation: number): number {
    if (generation < 0 && memberId === '')
      return this.#state === 'Empty' ? errorCodes.NONE : errorCodes.UNKNOWN_MEMBER_ID;
    const member = this.#members.get(memberId);
    const error = this.#check(member, generation);
    if (error !== errorCodes.NONE || member === undefined) return error;
    if (this.#state === 'CompletingRebalance') return errorCodes.REBALANCE_IN_PROGRESS;
    this.#touch(member);
    return errorCodes.NONE;
  }

  /** Throws one member out, as a session that expired would; whether it was there. */
  expel(memberId?: string): boolean {
    const member = memberId === undefined ? this.#members.values().next().value : this.#members.get(memberId);
    if (member !== undefined) this.#remove(member);
    return member !== undefined;
  }

  /** Forgets every member and answers whoever waits: the coordinator is going away. */
  shutDown(): void {
    this.#cancelRebalance();
    for (const member of [...this.#members.values()]) {
      this.#members.delete(member.id);
      release(member, errorCodes.NOT_COORDINATOR);
    }
    this.#state = 'Empty';
  }

  #newMemberId(clientId: string): string {
    this.#sequence += 1;
    const memberId = `${clientId}-${this.#sequence}-${this.#clock.now().toString(36)}`;
    this.#pending.add(memberId);
    if (this.#pending.size > pendingMax) {
      for (const oldest of this.#pending) {
        this.#pending.delete(oldest);
        break;
      }
    }
    return memberId;
  }

  #compatible({ protocolType, protocols, memberId }: JoinRequest): boolean {
    const others = [...this.#members.values()].filter(({ id }) => id !== memberId);
    if (others.length === 0) return true;
    return (
      protocolType === this.#protocolType &&
      protocols.some(({ name }) => others.every((other) => other.protocols.some((protocol) => protocol.name === name)))
    );
  }

  /** A member that asks again with what it said before needs no new generation, unless it leads: a leader's join means "assign again". */
  #unchanged(member: Member, request: JoinRequest): boolean {
    if (this.#state !== 'Stable' && this.#state !== 'CompletingRebalance') return false;
    if (this.#state === 'Stable' && member.id === this.#leader) return false;
    return (
      member.protocols.length === request.protocols.length &&
      member.protocols.every(
        (protocol, i) =>
          protocol.name === request.protocols[i]?.name &&
          protocol.metadata.equals(request.protocols[i]?.metadata ?? Buffer.alloc(0)),
      )
    );
  }

  #addMember(request: JoinRequest): Member {
    const member: Member = {
      id: request.memberId,
      clientId: request.clientId,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      protocols: request.protocols,
      assignment: Buffer.alloc(0),
      joining: undefined,
      syncing: undefined,
      cancelExpiry: () => undefined,
    };
    this.#members.set(member.id, member);
    return member;
  }

  #prepare(): void {
    if (this.#state === 'PreparingRebalance') return;
    this.#firstJoin = this.#state === 'Empty' && this.#initialDelayMs > 0;
    this.#state = 'PreparingRebalance';
    for (const member of this.#members.values()) {
      member.syncing?.({ error: errorCodes.REBALANCE_IN_PROGRESS, assignment: Buffer.alloc(0) });
      member.syncing = undefined;
    }
    const timeoutMs = this.#firstJoin
      ? this.#initialDelayMs
      : Math.max(0, ...[...this.#members.values()].map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
    this.#cancelRebalance = this.#clock.setTimer(() => this.#completeJoin(), timeoutMs, { unref: true });
  }

  #completeWhenAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#firstJoin || this.#members.size === 0) return;
    if ([...this.#members.values()].every(({ joining }) => joining !== undefined)) this.#completeJoin();
  }

  #completeJoin(): void {
    this.#cancelRebalance();
    for (const member of [...this.#members.values()]) {
      if (member.joining !== undefined) continue;
      this.#members.delete(member.id);
      release(member, errorCodes.UNKNOWN_MEMBER_ID);
    }
    const members = [...this.#members.values()];
    const first = members[0];
    if (first === undefined) {
      this.#state = 'Empty';
      return;
    }
    this.#generation += 1;
    this.#state = 'CompletingRebalance';
    if (!this.#members.has(this.#leader)) this.#leader = first.id;
    this.#protocol =
      first.protocols.find(({ name }) =>
        members.every((member) => member.protocols.some((protocol) => protocol.name === name)),
      )?.name ?? '';
    for (const member of members) {
      member.assignment = Buffer.alloc(0);
      const resolve = member.joining;
      member.joining = undefined;
      this.#touch(member);
      resolve?.(this.#answerOf(member));
    }
  }

  #answerOf(member: Member): JoinAnswer {
    const members =
      member.id === this.#leader
        ? [...this.#members.values()].map((other) => ({
            memberId: other.id,
            metadata: metadataOf(other, this.#protocol),
          }))
        : [];
    return {
      error: errorCodes.NONE,
      generation: this.#generation,
      protocol: this.#protocol,
      leader: this.#leader,
      memberId: member.id,
      members,
    };
  }

  #assign(assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]): void {
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId);
      if (member !== undefined) member.assignment = Buffer.from(assignment);
    }
    this.#state = 'Stable';
    for (const member of this.#members.values()) {
      member.syncing?.({ error: errorCodes.NONE, assignment: member.assignment });
      member.syncing = undefined;
    }
  }

  #check(member: Member | undefined, generation: number): number {
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID;
    return generation === this.#generation ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION;
  }

  /** Heard of: its session begins anew. */
  #touch(member: Member): void {
    member.cancelExpiry();
    member.cancelExpiry = this.#clock.setTimer(() => this.#remove(member), member.sessionTimeoutMs, { unref: true });
  }

  #remove(member: Member): void {
    if (this.#members.get(member.id) !== member) return;
    this.#members.delete(member.id);
    release(member, errorCodes.UNKNOWN_MEMBER_ID);
    if (this.#members.size === 0) {
      this.#cancelRebalance();
      this.#state = 'Empty';
      return;
    }
    this.#prepare();
    this.#completeWhenAllJoined();
  }
}

function release(member: Member, error: number): void {
  member.cancelExpiry();
  member.joining?.({ error, generation: -1, protocol: '', leader: '', memberId: member.id, members: [] });
  member.syncing?.({ error, assignment: Buffer.alloc(0) });
}

function metadataOf(member: Member, protocol: string): Buffer {
  return member.protocols.find(({ name }) => name === protocol)?.metadata ?? Buffer.alloc(0);
}
