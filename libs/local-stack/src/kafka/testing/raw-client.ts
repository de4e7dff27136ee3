import { connect, type Socket } from 'node:net';
import { apiTable, type ApiName, versionMin } from '../api-table.js';
import { errorCodes, type KafkaErrorName } from '../error-codes.js';
import { RequestFrames } from '../request-frames.js';
import { WireReader } from '../wire-reader.js';
import { WireWriter } from '../wire-writer.js';

/** A client that sends what it is told to, one byte after another if need be: for what a well-made client never does. */
export class RawClient {
  readonly socket: Socket;
  readonly #frames = new RequestFrames(1_000_000_000);
  readonly #answers: Buffer[] = [];
  readonly #waiting: ((answer: Buffer | undefined) => void)[] = [];
  #isClosed = false;
  #correlationId = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#frames.push(chunk).forEach((frame) => this.#take(frame)));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    });
  }

  static async open(address: string): Promise<RawClient> {
    const [host = '', port] = address.split(':');
    const socket = connect(Number(port), host);
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  /** Sends a request, in the version of kafkajs, and does not wait. */
  send(api: ApiName, body: (writer: WireWriter) => unknown, version: number = kafkajsVersion(api)): void {
    this.#correlationId += 1;
    const writer = new WireWriter().int16(apiTable[api].key).int16(version).int32(this.#correlationId).string('raw');
    body(writer);
    for (const chunk of writer.finish()) this.socket.write(chunk);
  }

  /** The next answer, after its correlation id; `undefined` once the broker has hung up. */
  async answer(): Promise<{ readonly correlationId: number; readonly reader: WireReader } | undefined> {
    const frame = this.#answers.shift() ?? (this.#isClosed ? undefined : await this.#nextFrame());
    if (frame === undefined) return undefined;
    const reader = new WireReader(frame);
    return { correlationId: reader.int32(), reader };
  }

  async ask(api: ApiName, body: (writer: WireWriter) => unknown): Promise<WireReader> {
    this.send(api, body);
    const answer = await this.answer();
    if (answer === undefined) throw new Error(`the broker hung up on ${api}`);
    return answer.reader;
  }

  /** Joins a group as the protocol `range`, first for an id and then with it. */
  async join(groupId: string, options: { sessionTimeoutMs: number; rebalanceTimeoutMs?: number }): Promise<RawMember> {
    const first = await this.joinAs(groupId, '', options);
    return this.joinAs(groupId, first.memberId, options);
  }

  async joinAs(
    groupId: string,
    memberId: string,
    options: { sessionTimeoutMs: number; rebalanceTimeoutMs?: number },
  ): Promise<RawMember> {
    const reader = await this.ask('JoinGroup', (w) => {
      w.string(groupId)
        .int32(options.sessionTimeoutMs)
        .int32(options.rebalanceTimeoutMs ?? options.sessionTimeoutMs);
      w.string(memberId).string(null).string('consumer');
      w.array(['RoundRobinAssigner'], (name) => w.string(name).bytes(noMetadata));
    });
    reader.int32();
    const error = errorNamed(reader.int16());
    const generation = reader.int32();
    reader.string();
    const leaderId = reader.string();
    return { error, generation, leaderId, memberId: reader.string() };
  }

  async heartbeat(groupId: string, { generation, memberId }: RawMember): Promise<KafkaErrorName> {
    const reader = await this.ask('Heartbeat', (w) =>
      w.string(groupId).int32(generation).string(memberId).string(null),
    );
    reader.int32();
    return errorNamed(reader.int16());
  }

  async sync(groupId: string, { generation, memberId }: RawMember): Promise<KafkaErrorName> {
    const reader = await this.ask('SyncGroup', (w) => {
      w.string(groupId).int32(generation).string(memberId).string(null);
      w.array([memberId], (id) => w.string(id).bytes(Buffer.alloc(0)));
    });
    reader.int32();
    return errorNamed(reader.int16());
  }

  async leave(groupId: string, { memberId }: RawMember): Promise<KafkaErrorName> {
    const reader = await this.ask('LeaveGroup', (w) =>
      w.string(groupId).array([memberId], (id) => w.string(id).string(null)),
    );
    reader.int32();
    reader.int16();
    const [error = 'NONE'] = reader.array(() => {
      reader.string();
      reader.nullableString();
      return errorNamed(reader.int16());
    });
    return error;
  }

  async commit(
    groupId: string,
    { generation, memberId }: Pick<RawMember, 'generation' | 'memberId'>,
    topic: string,
    offset: bigint,
  ): Promise<KafkaErrorName> {
    const reader = await this.ask('OffsetCommit', (w) => {
      w.string(groupId).int32(generation).string(memberId);
      w.array([topic], (name) => w.string(name).array([0], (index) => w.int32(index).int64(offset).string(null)));
    });
    reader.int32();
    const [errors = []] = reader.array(() => {
      reader.string();
      return reader.array(() => {
        reader.int32();
        return errorNamed(reader.int16());
      });
    });
    return errors[0] ?? 'NONE';
  }

  #nextFrame(): Promise<Buffer | undefined> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(frame: Buffer): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#answers.push(frame);
    else resolve(frame);
  }
}

export interface RawMember {
  readonly error: KafkaErrorName;
  readonly generation: number;
  readonly leaderId: string;
  readonly memberId: string;
}

/** A subscription to no topic, version 0, as consumers encode it. */
const noMetadata = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

export function errorNamed(code: number): KafkaErrorName {
  const found = Object.entries(errorCodes).find(([, each]) => each === code);
  return (found?.[0] ?? 'UNKNOWN_SERVER_ERROR') as KafkaErrorName;
}

/** Of `ApiVersions`, all are answered. */
function kafkajsVersion(api: ApiName): number {
  return api === 'ApiVersions' ? apiTable.ApiVersions.version : versionMin(api);
}
