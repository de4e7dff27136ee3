import { TidemarkError } from '@tidemark/runtime';
import { type SimProcess } from '../time/sim-process.js';
import { type MomentRandom } from '../time/random.js';
import { type Scheduler } from '../time/scheduler.js';
import { type Trace } from '../time/trace.js';

/** What may go wrong between a process and a service, and how often it did. */
export type LinkTrouble = 'refused' | 'request lost' | 'request late' | 'answer lost' | 'answer late' | 'cut';

export interface LinkOptions {
  readonly process: SimProcess;
  /** `dynamodb`, `kafka`, … */
  readonly service: string;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly random: MomentRandom;
  /** Mean time of one way, ms. */
  readonly latencyMs: number;
  readonly onTrouble: (trouble: LinkTrouble, link: Link) => void;
}

export interface LinkCall<T> {
  /** What kind of call it is: decides, with the moment, how long it takes and what befalls it. */
  readonly what: string;
  /** More of it, for the trace. */
  readonly detail?: string;
  readonly key?: string | undefined;
  /** Whether a reader of the story wants to see it. */
  readonly told?: boolean;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes effect at the service, in one turn; what it throws is the answer, too. A promise is an answer that comes later. */
  readonly serve: () => T | Promise<T>;
  /** The error of a call that was never sent. */
  readonly unsent: (reason: string) => Error;
  /** The error of a call that was sent and has no answer. */
  readonly unanswered: (reason: string, cause: 'timeout' | 'aborted') => Error;
}

/**
 * The way from one process to one service, and back. A call takes a while each way; on a way that is cut it is refused at once, is lost, or
 * arrives after the way is open again, as TCP would have it. The service never learns that its caller has given up.
 */
export class Link {
  readonly service: string;
  readonly process: SimProcess;
  readonly #options: LinkOptions;
  readonly #holds = new Set<Hold>();
  readonly #strikes = new Set<Strike>();
  #cut = false;
  #held: (() => void)[] = [];
  #lossShare = 0;
  #lateShare = 0;
  #lateMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.service = options.service;
    this.process = options.process;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    this.#cut = true;
  }

  /** Open again, without any trouble. */
  heal(): void {
    this.#cut = false;
    this.#lossShare = 0;
    this.#lateShare = 0;
    const held = this.#held;
    this.#held = [];
    for (const arrive of held) this.#travel('held', arrive);
  }

  /** Loses this share of the answers; what was asked for is done. */
  loseAnswers(share: number): void {
    this.#lossShare = share;
  }

  /** This share of the requests, and of the answers, takes up to `lateMs` longer. */
  beLate(share: number, lateMs: number): void {
    this.#lateShare = share;
    this.#lateMs = lateMs;
  }

  /** Keeps back the next `count` requests, or answers, of calls that match. */
  hold(side: Hold['side'], match: RegExp, count = Infinity): HeldCalls {
    const hold: Hold = { side, match, left: count, queue: [] };
    this.#holds.add(hold);
    const drop = (): boolean => this.#holds.delete(hold);
    const release = (): void => {
      drop();
      for (const each of hold.queue) this.#travel('kept back', each);
    };
    return { release, drop };
  }

  /** Calls `fn` at the `count`th request that matches, just before it is sent, or once it has taken effect; the returned function takes that back. */
  strike(side: Hold['side'], match: RegExp, count: number, fn: () => void): () => void {
    const strike: Strike = { side, match, left: count, fn };
    this.#strikes.add(strike);
    return () => void this.#strikes.delete(strike);
  }

  /** At the service: runs `fn` after `delayMs`; the returned function cancels it. */
  afterMs(delayMs: number, fn: () => void): () => void {
    return this.#options.scheduler.after(delayMs, fn);
  }

  /** Rejects at the time-out or when aborted, whatever becomes of the call. */
  call<T>(call: LinkCall<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal, timeoutMs, unanswered, unsent } = call;
      // What a dead process still does, while what it leaves is cleared away, reaches nobody.
      if (!this.process.alive) return;
      if (signal?.aborted === true) return reject(unsent('aborted'));
      let open = true;
      const end = (): boolean => {
        if (!open) return false;
        open = false;
        cancel();
        signal?.removeEventListener('abort', onAbort);
        return true;
      };
      const onAbort = (): void => {
        if (end()) reject(unanswered('aborted', 'aborted'));
      };
      const cancel = this.process.post(() => {
        if (end()) reject(unanswered(`no answer within ${Math.round(timeoutMs)} ms`, 'timeout'));
      }, timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#send(call, {
        refuse: (reason) => {
          if (end()) reject(unsent(reason));
        },
        answer: (value) => {
          if (end()) resolve(value);
        },
        fail: (error) => {
          if (end()) reject(error);
        },
      });
    });
  }

  #send<T>(call: LinkCall<T>, reply: Reply<T>): void {
    const arrive = (): void => this.#arrive(call, reply);
    this.#meetStrikes('request', call);
    if (!this.process.alive) return;
    if (this.#keepsBack('request', call, arrive)) return;
    if (!this.#cut) return this.#travel(call.what, arrive);
    this.#trouble('cut');
    const random = this.#draws(`cut ${call.what}`);
    const fate = random.next();
    if (fate < 0.4) {
      this.#trouble('refused');
      this.#note(call, 'is refused');
      this.process.post(() => reply.refuse('connection refused'), this.#latency(random));
    } else if (fate < 0.7) {
      this.#trouble('request lost');
      this.#note(call, 'is lost');
    } else this.#held.push(arrive);
  }

  #travel(what: string, arrive: () => void): void {
    const random = this.#draws(`request ${what}`);
    const delayMs = this.#delay(random, 'request late');
    const isHeld = random.chance(0.5);
    this.#options.scheduler.after(delayMs, () => {
      if (!this.#cut) arrive();
      else if (isHeld) this.#held.push(arrive);
      else this.#trouble('request lost');
    });
  }

  #arrive<T>(call: LinkCall<T>, reply: Reply<T>): void {
    let answer: T | Promise<T>;
    try {
      answer = call.serve();
    } catch (error) {
      this.#note(call, `fails: ${codeOf(error)}`);
      return this.#answer(call, () => reply.fail(error as Error));
    }
    if (!(answer instanceof Promise)) {
      const value = answer;
      this.#note(call, 'done');
      return this.#answer(call, () => reply.answer(value));
    }
    answer.then(
      (value) => this.#answer(call, () => reply.answer(value)),
      (error: unknown) => this.#answer(call, () => reply.fail(error as Error)),
    );
  }

  #answer<T>(call: LinkCall<T>, deliver: () => void): void {
    const random = this.#draws(`answer ${call.what}`);
    this.#meetStrikes('answer', call);
    if (this.#keepsBack('answer', call, () => this.process.post(deliver))) return;
    const fate = random.next();
    if (fate < (this.#cut ? 0.5 : this.#lossShare)) {
      this.#trouble('answer lost');
      this.#note(call, 'loses its answer');
    } else if (this.#cut) this.#held.push(() => this.process.post(deliver));
    else this.process.post(deliver, this.#delay(random, 'answer late'));
  }

  #keepsBack<T>(side: Hold['side'], call: LinkCall<T>, goOn: () => void): boolean {
    for (const hold of this.#holds) {
      if (hold.side !== side || hold.left === 0 || !hold.match.test(call.what)) continue;
      hold.left -= 1;
      hold.queue.push(goOn);
      this.#note(call, `has its ${side} kept back`);
      return true;
    }
    return false;
  }

  #meetStrikes<T>(side: Hold['side'], call: LinkCall<T>): void {
    for (const strike of this.#strikes) {
      if (strike.side !== side || !strike.match.test(call.what)) continue;
      strike.left -= 1;
      if (strike.left > 0) continue;
      this.#strikes.delete(strike);
      strike.fn();
    }
  }

  #draws(what: string): MomentRandom {
    const { random, scheduler } = this.#options;
    return random.at(what, scheduler.nowMs);
  }

  /** Of one way, which may be late. */
  #delay(random: MomentRandom, late: LinkTrouble): number {
    const latencyMs = this.#latency(random);
    if (this.#lateShare === 0 || !random.chance(this.#lateShare)) return latencyMs;
    this.#trouble(late);
    return latencyMs + random.between(0, this.#lateMs);
  }

  #latency(random: MomentRandom): number {
    const { latencyMs } = this.#options;
    const meanMs = latencyMs * (0.4 + 1.2 * random.next());
    return random.chance(0.03) ? meanMs + Math.min(150, latencyMs * random.between(2, 12)) : meanMs;
  }

  #trouble(trouble: LinkTrouble): void {
    this.#options.onTrouble(trouble, this);
  }

  #note<T>({ what, detail, key, told }: LinkCall<T>, said: string): void {
    const call = detail === undefined ? what : `${what} ${detail}`;
    this.#options.trace.note(this.process.name, `${call} ${said}`, told === true ? 'story' : 'detail', key);
  }
}

export interface HeldCalls {
  /** Lets them go on, and keeps back none any more. */
  readonly release: () => void;
  /** They are lost; keeps back none any more. */
  readonly drop: () => void;
}

interface Hold {
  readonly side: 'request' | 'answer';
  readonly match: RegExp;
  left: number;
  readonly queue: (() => void)[];
}

interface Strike {
  readonly side: Hold['side'];
  readonly match: RegExp;
  left: number;
  readonly fn: () => void;
}

interface Reply<T> {
  readonly refuse: (reason: string) => void;
  readonly answer: (value: T) => void;
  readonly fail: (error: Error) => void;
}

function codeOf(error: unknown): string {
  return error instanceof TidemarkError ? error.code : String(error);
}
