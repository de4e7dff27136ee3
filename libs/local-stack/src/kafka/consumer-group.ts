import { type Clock } from '@tidemark/runtime';
import { type KafkaErrorName } from './error-codes.js';
import {
  type Assignment,
  GroupMember,
  type JoinAnswer,
  joinRefusal,
  type JoinRequest,
  type SyncAnswer,
  syncRefusal,
} from './group-member.js';
import {
  commonProtocols,
  decideCommit,
  decideHeartbeat,
  decideJoin,
  decideSync,
  electProtocol,
  type GroupState,
  type MemberClaim,
} from './group-rules.js';

export interface ConsumerGroupOptions {
  readonly clock: Clock;
  /** How long the first join of an empty group waits for others, ms. */
  readonly initialRebalanceDelayMs: number;
  /** Makes the id of a new member, unlike any before. */
  readonly newMemberId: (clientId: string) => string;
}

/** Members of one group, those with an id and no join yet among them. */
const membersMax = 1_000;

/**
 * One group of consumers, `Empty` → `PreparingRebalance` → `CompletingRebalance` → `Stable`; what each request is due in each state is decided
 * in `group-rules.ts`, this class holds the members, their waiting requests and the timers. Three things are always true:
 *
 * - a member is in `#members` exactly as long as its requests are honoured; a member that left, was expelled or did not join in time is not,
 *   and whatever it sends later is refused, whichever generation it claims;
 * - the generation grows by one at every completed rebalance, and a request of another generation is refused;
 * - outside of a waiting join or sync, every member has a running session timer.
 */
export class ConsumerGroup {
  readonly id: string;
  readonly #options: ConsumerGroupOptions;
  readonly #members = new Map<string, GroupMember>();
  /** Ids that were given out and not used yet, with the timers that take them back; a rebalance waits for them. */
  readonly #promised = new Map<string, () => void>();
  #state: GroupState = 'Empty';
  #generation = 0;
  #leaderId = '';
  #protocol = '';
  #protocolType = '';
  /** Members that must still ask for their part of this generation. */
  #unsynced = new Set<string>();
  /** The timer of the current state: initial delay, rebalance time-out or time to sync. */
  #cancelPhase: () => void = () => undefined;
  /** Set while the first join of an empty group waits for others. */
  #initialDelay: { leftMs: number; hasNewMember: boolean } | undefined;

  constructor(id: string, options: ConsumerGroupOptions) {
    this.id = id;
    this.#options = options;
  }

  get state(): GroupState {
    return this.#state;
  }

  get generation(): number {
    return this.#generation;
  }

  get leaderId(): string {
    return this.#leaderId;
  }

  get protocolType(): string {
    return this.#protocolType;
  }

  /** Empty until a generation has chosen one. */
  get protocol(): string {
    return this.#state === 'Stable' ? this.#protocol : '';
  }

  get members(): readonly GroupMember[] {
    return [...this.#members.values()];
  }

  /** Whether nobody is in it or about to join. */
  get isVacant(): boolean {
    return this.#members.size === 0 && this.#promised.size === 0;
  }

  join(request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const { memberId } = request;
    if (this.#state === 'Dead') return joinRefusal('COORDINATOR_NOT_AVAILABLE', memberId);
    if (!this.#isCompatible(request)) return joinRefusal('INCONSISTENT_GROUP_PROTOCOL', memberId);
    if (memberId === '') return this.#promiseId(request);
    const member = this.#members.get(memberId);
    if (member === undefined) return this.#admit(request);
    switch (
      decideJoin({
        state: this.#state,
        isLeader: memberId === this.#leaderId,
        sameProtocols: member.offersAlready(request),
      })
    ) {
      case 'unknown':
        return joinRefusal('UNKNOWN_MEMBER_ID', memberId);
      case 'current':
        return this.#joinAnswerFor(member);
      case 'rebalance':
        member.offer(request);
        return this.#rejoin(member);
    }
  }

  sync(memberId: string, generation: number, assignments: readonly Assignment[]): SyncAnswer | Promise<SyncAnswer> {
    const member = this.#members.get(memberId);
    const error = decideSync(this.#state, this.#claim(memberId, generation), this.#generation);
    if (member === undefined || error !== 'NONE') return syncRefusal(error);
    this.#unsynced.delete(memberId);
    this.#touch(member);
    if (this.#state === 'CompletingRebalance' && memberId === this.#leaderId) this.#assign(assignments);
    if (this.#state === 'Stable') return { error: 'NONE', assignment: member.assignment };
    member.cancelSession();
    return member.awaitSync();
  }

  heartbeat(memberId: string, generation: number): KafkaErrorName {
    const error = decideHeartbeat(this.#state, this.#claim(memberId, generation), this.#generation);
    if (error === 'NONE' || error === 'REBALANCE_IN_PROGRESS') this.#heardOf(memberId);
    return error;
  }

  leave(memberId: string): KafkaErrorName {
    const takeBack = this.#promised.get(memberId);
    if (takeBack === undefined) return this.#remove(memberId) ? 'NONE' : 'UNKNOWN_MEMBER_ID';
    takeBack();
    return 'NONE';
  }

  /** Whether this member of this generation may commit offsets now; see `decideCommit`. */
  mayCommit(memberId: string, generation: number): KafkaErrorName {
    const error = decideCommit(this.#state, this.#claim(memberId, generation), this.#generation);
    if (error === 'NONE') this.#heardOf(memberId);
    return error;
  }

  /** Ends a member's session now; whether there was such a member. */
  expel(memberId: string): boolean {
    return this.#remove(memberId);
  }

  /** Ends all sessions now. */
  expelAll(): void {
    for (const memberId of [...this.#members.keys()]) this.#remove(memberId);
  }

  /**
   * The coordinator goes away: nothing expires until `resume`, and what waits is refused. A stable group is kept, as a coordinator finds it
   * again in its log; a group in the middle of a rebalance loses its members.
   */
  suspend(): void {
    this.#cancelPhase();
    this.#initialDelay = undefined;
    for (const takeBack of [...this.#promised.values()]) takeBack();
    if (this.#state === 'Stable') {
      for (const member of this.#members.values()) member.cancelSession();
      return;
    }
    for (const member of this.#members.values()) member.dismiss('NOT_COORDINATOR');
    this.#members.clear();
    this.#becomeEmpty();
  }

  /** The coordinator is back; every session begins anew. */
  resume(): void {
    for (const member of this.#members.values()) this.#touch(member);
  }

  /** Deletes the group; only a vacant one can be. */
  delete(): boolean {
    if (!this.isVacant) return false;
    this.#cancelPhase();
    this.#state = 'Dead';
    return true;
  }

  #claim(memberId: string, generation: number): MemberClaim {
    return { memberId, generation, isMember: this.#members.has(memberId) };
  }

  #isCompatible({ memberId, protocolType, protocols }: JoinRequest): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    const others = this.members.filter(({ id }) => id !== memberId);
    if (others.length === 0) return true;
    const offers = [protocols.map(({ name }) => name), ...others.map(({ protocolNames }) => protocolNames)];
    return protocolType === this.#protocolType && commonProtocols(offers).length > 0;
  }

  /** A new member gets its id first, and joins with it next: so it can tell that it was admitted if that answer is lost. */
  #promiseId({ clientId, sessionTimeoutMs }: JoinRequest): JoinAnswer {
    if (this.#members.size + this.#promised.size >= membersMax) return joinRefusal('GROUP_MAX_SIZE_REACHED', '');
    const memberId = this.#options.newMemberId(clientId);
    const takeBack = (): void => {
      cancel();
      if (this.#promised.delete(memberId)) this.#completeIfAllJoined();
    };
    const cancel = this.#options.clock.setTimer(takeBack, sessionTimeoutMs, { unref: true });
    this.#promised.set(memberId, takeBack);
    return joinRefusal('MEMBER_ID_REQUIRED', memberId);
  }

  #admit(request: JoinRequest): JoinAnswer | Promise<JoinAnswer> {
    const takeBack = this.#promised.get(request.memberId);
    if (takeBack === undefined) return joinRefusal('UNKNOWN_MEMBER_ID', request.memberId);
    const member = new GroupMember(request);
    this.#members.set(member.id, member);
    this.#protocolType = request.protocolType;
    if (this.#initialDelay !== undefined) this.#initialDelay.hasNewMember = true;
    const answer = this.#rejoin(member);
    takeBack();
    return answer;
  }

  #rejoin(member: GroupMember): Promise<JoinAnswer> {
    member.cancelSession();
    const answer = member.awaitJoin();
    if (this.#state !== 'PreparingRebalance') this.#prepare();
    this.#completeIfAllJoined();
    return answer;
  }

  #prepare(): void {
    const { clock, initialRebalanceDelayMs } = this.#options;
    this.#cancelPhase();
    this.#unsynced.clear();
    for (const member of this.#members.values()) {
      if (!member.isSyncing) continue;
      member.synced(syncRefusal('REBALANCE_IN_PROGRESS'));
      this.#touch(member);
    }
    const timeoutMs = this.#rebalanceTimeoutMs();
    if (this.#state === 'Empty' && initialRebalanceDelayMs > 0) {
      this.#initialDelay = { leftMs: Math.max(0, timeoutMs - initialRebalanceDelayMs), hasNewMember: false };
      this.#cancelPhase = clock.setTimer(() => this.#endInitialDelay(), initialRebalanceDelayMs, { unref: true });
    } else {
      this.#cancelPhase = clock.setTimer(() => this.#complete(), timeoutMs, { unref: true });
    }
    this.#state = 'PreparingRebalance';
  }

  /** Waits once more for as long as new members come, at most the rebalance time-out in all. */
  #endInitialDelay(): void {
    const delay = this.#initialDelay;
    if (delay === undefined || !delay.hasNewMember || delay.leftMs === 0) return this.#complete();
    const { clock, initialRebalanceDelayMs } = this.#options;
    const againMs = Math.min(initialRebalanceDelayMs, delay.leftMs);
    this.#initialDelay = { leftMs: delay.leftMs - againMs, hasNewMember: false };
    this.#cancelPhase = clock.setTimer(() => this.#endInitialDelay(), againMs, { unref: true });
  }

  #completeIfAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#initialDelay !== undefined || this.#promised.size > 0) return;
    if (this.members.every(({ isJoining }) => isJoining)) this.#complete();
  }

  /** Begins the next generation with the members that joined; the others are out. */
  #complete(): void {
    this.#cancelPhase();
    this.#initialDelay = undefined;
    for (const member of this.members) if (!member.isJoining) this.#drop(member, 'UNKNOWN_MEMBER_ID');
    const [first] = this.#members.values();
    if (first === undefined) return this.#becomeEmpty();
    this.#generation += 1;
    this.#state = 'CompletingRebalance';
    if (!this.#members.has(this.#leaderId)) this.#leaderId = first.id;
    this.#protocol = electProtocol(this.members.map(({ protocolNames }) => protocolNames));
    this.#unsynced = new Set(this.#members.keys());
    this.#cancelPhase = this.#options.clock.setTimer(() => this.#expelUnsynced(), this.#rebalanceTimeoutMs(), {
      unref: true,
    });
    for (const member of this.members) {
      member.clearAssignment();
      this.#touch(member);
      member.joined(this.#joinAnswerFor(member));
    }
  }

  #assign(assignments: readonly Assignment[]): void {
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId);
      if (member !== undefined) member.assignment = assignment;
    }
    this.#state = 'Stable';
    for (const member of this.#members.values()) {
      if (!member.isSyncing) continue;
      this.#touch(member);
      member.synced({ error: 'NONE', assignment: member.assignment });
    }
  }

  #expelUnsynced(): void {
    for (const memberId of [...this.#unsynced]) this.#remove(memberId);
  }

  #heardOf(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member !== undefined && !member.isJoining && !member.isSyncing) this.#touch(member);
  }

  /** Its session begins anew. */
  #touch(member: GroupMember): void {
    member.cancelSession();
    const { clock } = this.#options;
    member.cancelSession = clock.setTimer(() => this.#remove(member.id), member.sessionTimeoutMs, { unref: true });
  }

  #remove(memberId: string): boolean {
    const member = this.#members.get(memberId);
    if (member === undefined) return false;
    this.#drop(member, 'UNKNOWN_MEMBER_ID');
    if (this.#state === 'Stable' || this.#state === 'CompletingRebalance') this.#prepare();
    this.#completeIfAllJoined();
    return true;
  }

  #drop(member: GroupMember, error: KafkaErrorName): void {
    this.#members.delete(member.id);
    this.#unsynced.delete(member.id);
    member.dismiss(error);
  }

  #becomeEmpty(): void {
    this.#cancelPhase();
    this.#unsynced.clear();
    this.#generation += 1;
    this.#state = 'Empty';
    this.#leaderId = '';
    this.#protocol = '';
  }

  #joinAnswerFor(member: GroupMember): JoinAnswer {
    const isLeader = member.id === this.#leaderId;
    return {
      error: 'NONE',
      generation: this.#generation,
      protocol: this.#protocol,
      leaderId: this.#leaderId,
      memberId: member.id,
      members: isLeader
        ? this.members.map((each) => ({ memberId: each.id, metadata: each.metadata(this.#protocol) }))
        : [],
    };
  }

  #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
  }
}
