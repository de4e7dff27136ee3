import { describe, expect, it } from '@jest/globals';
import { type BatchOutcome, type EventSourceHandler, type RewindOutcome } from '@tidemark/pipeline';
import { type RewindNote } from '@tidemark/protocol';
import { wait } from '@tidemark/runtime';
import { Link } from '../network/link.js';
import { Random } from '../time/random.js';
import { Scheduler } from '../time/scheduler.js';
import { SimProcess } from '../time/sim-process.js';
import { Trace } from '../time/trace.js';
import { SimEventSource } from './sim-event-source.js';
import { SimGroup } from './sim-group.js';
import { SimKafka } from './sim-kafka.js';

const topic = 'things';
const place = { topic, partition: 0 };

describe('a simulated member that is asked to join again', () => {
  it('ends and commits what is at work before it lets a partition go', async () => {
    const world = new GroupWorld();
    world.append(3);
    const first = await world.join('first', async (_batch, process) => {
      await wait(process.clock, 2_500);
      return 'commit';
    });
    await world.pass(500);
    await world.join('second');
    await world.pass(6_000);
    expect(world.generations).toBe(2);
    expect([first.handled, first.aborted, world.committed]).toEqual([[3], 0, 3]);
  });

  it('commits what was done of a batch that it does not end', async () => {
    const world = new GroupWorld();
    world.append(3);
    const first = await world.join('first', async (_batch, process, closing) => {
      await wait(process.clock, 60_000, closing);
      return { commitTo: 1n };
    });
    await world.pass(500);
    const second = await world.join('second');
    await world.pass(9_000);
    expect([...first.handled.slice(1), ...second.handled]).toEqual([2]);
    expect(world.committed).toBe(3);
  });

  it('aborts what does not end in half of the time that the group waits, and commits nothing of it', async () => {
    const world = new GroupWorld();
    world.append(3);
    const first = await world.join('first', async (_batch, process, _closing, signal) => {
      await wait(process.clock, 60_000, signal);
      return signal.aborted ? 'hold' : 'commit';
    });
    await world.pass(500);
    const second = await world.join('second');
    await world.pass(9_000);
    expect(first.aborted).toBe(1);
    expect(world.expelled).toBe(0);
    expect([...first.handled.slice(1), ...second.handled]).toEqual([3]);
  });
});

describe('a simulated member that is told to go back', () => {
  it('hands over again what it had handled, says so, and goes on', async () => {
    const world = new GroupWorld();
    world.append(3);
    const member = await world.join('first');
    await world.pass(500);
    const outcome = world.rewind(member, 7);
    await world.pass(3_000);
    expect(await outcome).toBe('rewound');
    expect(member.handled).toEqual([3, 3]);
    expect(member.untils).toEqual([undefined, 3n]);
    expect(world.note).toEqual({ id: 7, until: 0n, lost: false });
    const again = world.rewind(member, 7);
    await world.pass(500);
    expect(await again).toBe('done');
  });

  it('leaves to the next member what it had not sent again', async () => {
    const world = new GroupWorld();
    world.append(3);
    const first = await world.join('first', undefined, async (_batch, process, closing) => {
      await wait(process.clock, 60_000, closing);
      return { commitTo: 1n };
    });
    await world.pass(500);
    void world.rewind(first, 7);
    await world.pass(1_500);
    const second = await world.join('second');
    await world.pass(9_000);
    expect([...first.untils.slice(2), ...second.untils]).toEqual([3n]);
    expect(world.note).toEqual({ id: 7, until: 0n, lost: false });
  });
});

type Work = (records: number, process: SimProcess, closing: AbortSignal, signal: AbortSignal) => Promise<BatchOutcome>;

interface Member {
  /** Records of each batch. */
  readonly handled: number[];
  /** Up to where each batch was handled before, as it is told. */
  readonly untils: (bigint | undefined)[];
  aborted: number;
  readonly source: SimEventSource;
  readonly process: SimProcess;
}

/** A group over one topic of one partition. */
class GroupWorld {
  generations = 0;
  expelled = 0;
  readonly #scheduler = new Scheduler(1);
  readonly #kafka = new SimKafka(
    () => this.#scheduler.nowMs,
    () => undefined,
  );
  readonly #group = new SimGroup({
    ...{ kafka: this.#kafka, nowMs: () => this.#scheduler.nowMs, sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 8_000 },
    afterMs: (delayMs, fn) => this.#scheduler.after(delayMs, fn),
    onRebalance: () => (this.generations += 1),
    onExpelled: () => (this.expelled += 1),
  });

  constructor() {
    this.#kafka.createTopic(topic, 1);
  }

  get note(): RewindNote | undefined {
    return this.#group.noteOf(place);
  }

  /** Back to the beginning. */
  rewind({ source, process }: Member, id: number): Promise<RewindOutcome> {
    return new Promise((resolve, reject) => {
      process.post(() => void source.rewind(place, { id, to: 0 }).then(resolve, reject));
    });
  }

  get committed(): number | undefined {
    return this.#group.committed(place);
  }

  append(count: number): void {
    for (let index = 0; index < count; index += 1)
      this.#kafka.append(topic, 0, { key: `k${index}`, value: null, header: null });
  }

  pass(ms: number): Promise<void> {
    return this.#scheduler.run(this.#scheduler.nowMs + ms);
  }

  /** A member that joins. `work` is its first batch, `later` its second; the others are done at once. */
  async join(name: string, work?: Work, later?: Work): Promise<Member> {
    const scheduler = this.#scheduler;
    const random = new Random(1, name);
    const process = new SimProcess({ name, scheduler, random, clockOffsetMs: 0 });
    const trace = new Trace(() => scheduler.nowMs, false);
    const link = new Link({
      ...{ process, service: 'kafka', scheduler, trace, random: random.moments('kafka'), latencyMs: 2 },
      onTrouble: () => undefined,
    });
    const source = new SimEventSource({
      ...{ kafka: this.#kafka, group: this.#group, link, batchMax: 10 },
      onGap: () => undefined,
      onHandlerError: () => undefined,
    });
    const member: Member = { handled: [], untils: [], aborted: 0, source, process };
    await source.subscribe([topic]);
    process.post(() => void source.start(handlerOf(member, [work, later])));
    return member;
  }
}

function handlerOf(member: Member, works: readonly (Work | undefined)[]): EventSourceHandler {
  return {
    onAssigned: async () => undefined,
    onBatch: async ({ records, rewind }, signal, closing) => {
      const work = works[member.handled.length];
      member.handled.push(records.length);
      member.untils.push(rewind?.until);
      if (work === undefined || closing === undefined) return 'commit';
      const outcome = await work(records.length, member.process, closing, signal);
      if (signal.aborted) member.aborted += 1;
      return outcome;
    },
  };
}
