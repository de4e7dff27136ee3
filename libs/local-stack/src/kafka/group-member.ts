import { type KafkaErrorName } from './error-codes.js';

export interface GroupProtocol {
  readonly name: string;
  /** What the member tells the leader under this protocol; opaque to the broker. */
  readonly metadata: Buffer;
}

export interface JoinRequest {
  readonly groupId: string;
  /** Empty when the client has none yet. */
  readonly memberId: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly GroupProtocol[];
}

export interface JoinAnswer {
  readonly error: KafkaErrorName;
  readonly generation: number;
  readonly protocol: string;
  readonly leaderId: string;
  readonly memberId: string;
  /** For the leader only: everybody it has to assign to. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

export interface SyncAnswer {
  readonly error: KafkaErrorName;
  readonly assignment: Buffer;
}

export interface Assignment {
  readonly memberId: string;
  readonly assignment: Buffer;
}

const nothing = Buffer.alloc(0);

export function joinRefusal(error: KafkaErrorName, memberId: string): JoinAnswer {
  return { error, generation: -1, protocol: '', leaderId: '', memberId, members: [] };
}

export function syncRefusal(error: KafkaErrorName): SyncAnswer {
  return { error, assignment: nothing };
}

/** One member: what it offers, what it was assigned, and the request it waits on, if any. */
export class GroupMember {
  readonly id: string;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeoutMs = 0;
  rebalanceTimeoutMs = 0;
  protocols: readonly GroupProtocol[] = [];
  assignment: Buffer = nothing;
  /** Ends the session's timer. */
  cancelSession: () => void = () => undefined;
  #answerJoin: ((answer: JoinAnswer) => void) | undefined;
  #answerSync: ((answer: SyncAnswer) => void) | undefined;

  constructor(request: JoinRequest) {
    this.id = request.memberId;
    this.clientId = request.clientId;
    this.clientHost = request.clientHost;
    this.offer(request);
  }

  get isJoining(): boolean {
    return this.#answerJoin !== undefined;
  }

  get isSyncing(): boolean {
    return this.#answerSync !== undefined;
  }

  get protocolNames(): readonly string[] {
    return this.protocols.map(({ name }) => name);
  }

  offer({ sessionTimeoutMs, rebalanceTimeoutMs, protocols }: JoinRequest): void {
    this.sessionTimeoutMs = sessionTimeoutMs;
    this.rebalanceTimeoutMs = rebalanceTimeoutMs;
    this.protocols = protocols;
  }

  offersAlready({ protocols }: JoinRequest): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(({ name, metadata }, index) => {
        const own = this.protocols[index];
        return own?.name === name && own.metadata.equals(metadata);
      })
    );
  }

  metadata(protocol: string): Buffer {
    return this.protocols.find(({ name }) => name === protocol)?.metadata ?? nothing;
  }

  /** Waits for the next generation; a join that waits already, over a connection that was lost, is refused. */
  awaitJoin(): Promise<JoinAnswer> {
    this.joined(joinRefusal('UNKNOWN_MEMBER_ID', this.id));
    return new Promise((resolve) => {
      this.#answerJoin = resolve;
    });
  }

  joined(answer: JoinAnswer): void {
    this.#answerJoin?.(answer);
    this.#answerJoin = undefined;
  }

  /** Waits for the leader to assign. */
  awaitSync(): Promise<SyncAnswer> {
    this.synced(syncRefusal('UNKNOWN_MEMBER_ID'));
    return new Promise((resolve) => {
      this.#answerSync = resolve;
    });
  }

  synced(answer: SyncAnswer): void {
    this.#answerSync?.(answer);
    this.#answerSync = undefined;
  }

  /** It is out: its session ends, and what it waits on is refused. */
  dismiss(error: KafkaErrorName): void {
    this.cancelSession();
    this.joined(joinRefusal(error, this.id));
    this.synced(syncRefusal(error));
  }

  clearAssignment(): void {
    this.assignment = nothing;
  }
}
