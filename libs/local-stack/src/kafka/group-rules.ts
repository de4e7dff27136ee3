import { type KafkaErrorName } from './error-codes.js';

/**
 * - `Empty`: no member; committed offsets may remain.
 * - `PreparingRebalance`: waits for the members to join again.
 * - `CompletingRebalance`: a new generation waits for its leader to assign.
 * - `Stable`: every member has its assignment.
 * - `Dead`: deleted; nothing is possible any more.
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export interface JoinSituation {
  readonly state: GroupState;
  readonly isLeader: boolean;
  /** Whether the member offers exactly what it offered before. */
  readonly sameProtocols: boolean;
}

/**
 * What the join of a member that is known comes to: `rebalance` makes or awaits a new generation, `current` is told about the one there is.
 * In a stable group only a leader can ask for a rebalance without a change: it has seen one that the broker does not look into.
 */
export function decideJoin({ state, isLeader, sameProtocols }: JoinSituation): 'rebalance' | 'current' | 'unknown' {
  switch (state) {
    case 'PreparingRebalance':
      return 'rebalance';
    case 'CompletingRebalance':
      return sameProtocols ? 'current' : 'rebalance';
    case 'Stable':
      return isLeader || !sameProtocols ? 'rebalance' : 'current';
    case 'Empty':
    case 'Dead':
      return 'unknown';
  }
}

/** Who speaks, as it claims, and as the group knows it. */
export interface MemberClaim {
  readonly memberId: string;
  readonly isMember: boolean;
  readonly generation: number;
}

/** Fences off members that were given up and generations that are over; `NONE` for a member in good standing. */
export function decideStanding({ isMember, generation }: MemberClaim, currentGeneration: number): KafkaErrorName {
  if (!isMember) return 'UNKNOWN_MEMBER_ID';
  return generation === currentGeneration ? 'NONE' : 'ILLEGAL_GENERATION';
}

export function decideHeartbeat(state: GroupState, claim: MemberClaim, currentGeneration: number): KafkaErrorName {
  const standing = decideStanding(claim, currentGeneration);
  return standing === 'NONE' && state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : standing;
}

export function decideSync(state: GroupState, claim: MemberClaim, currentGeneration: number): KafkaErrorName {
  return decideHeartbeat(state, claim, currentGeneration);
}

/**
 * Whether offsets may be committed. Someone outside of the group, who claims no generation, may while it is empty: that is an operator's tool
 * or a consumer that assigns itself. A member may until the next generation has begun and it does not know its part in it yet.
 */
export function decideCommit(state: GroupState, claim: MemberClaim, currentGeneration: number): KafkaErrorName {
  if (claim.generation < 0 && state === 'Empty') return 'NONE';
  if (claim.generation < 0 && claim.memberId === '') return 'UNKNOWN_MEMBER_ID';
  const standing = decideStanding(claim, currentGeneration);
  return standing === 'NONE' && state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : standing;
}

/** The protocols that all members support, in the order of the first member; none when there is no member. */
export function commonProtocols(offers: readonly (readonly string[])[]): string[] {
  const [first = [], ...others] = offers;
  return first.filter((name) => others.every((offer) => offer.includes(name)));
}

/** Every member votes for the first protocol on its list that all support; most votes win, then the first member's order. */
export function electProtocol(offers: readonly (readonly string[])[]): string {
  const candidates = commonProtocols(offers);
  const votes = new Map(candidates.map((name) => [name, 0]));
  for (const offer of offers) {
    const choice = offer.find((name) => votes.has(name));
    if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
  }
  const most = Math.max(0, ...votes.values());
  return candidates.find((name) => votes.get(name) === most) ?? '';
}
