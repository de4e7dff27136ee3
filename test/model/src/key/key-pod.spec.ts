import { isUntouched, type Fence } from '@tidemark/cache/internals';
import { describe, expect, it } from '@jest/globals';
import { randomOf } from '../explore/explore.js';
import { isLong, seed, timeoutMs } from '../explore/report.js';
import { KeyModel } from './key-model.js';
import { type KeyOptions } from './key-options.js';
import { type Act, type Awake, key, KeyPod } from './key-pod.js';
import { type Fill, idFrom, type KeyState, sorted, stampFrom, textOf } from './key-state.js';

/** A step of the model, and what it did to the pod it made for it. */
interface Step {
  readonly verb: string;
  readonly next: KeyState;
  readonly act: Act | undefined;
}

class RecordingPod extends KeyPod {
  #act: Act | undefined;

  override act(state: KeyState, moved: number, act: Act): KeyState {
    this.#act = act;
    return super.act(state, moved, act);
  }

  take(): Act | undefined {
    const act = this.#act;
    this.#act = undefined;
    return act;
  }
}

/** One pod whose objects live on from step to step, as in production. */
class LivePod {
  readonly #maker: KeyPod;
  #pod: Awake;
  #fills: { fence: Fence; fill: Fill }[] = [];

  constructor(options: KeyOptions, initial: KeyState) {
    this.#maker = new KeyPod(options);
    this.#pod = this.#maker.wake(initial);
  }

  follow(state: KeyState, { verb, next, act }: Step): void {
    if (verb === 'the pod starts anew') {
      this.#pod = this.#maker.wake(next);
      this.#fills = [];
      return;
    }
    this.#pod.steppedBack.state = state;
    if (act === undefined) this.#goOn(state, next);
    else this.#do(state, act);
    this.#follow(next);
    this.#match(next);
    if (next.write === null) this.#pod.write = undefined;
  }

  /** What it is, in the words of a state. */
  looks(): Pick<KeyState, 'held' | 'known' | 'steppedBack' | 'written' | 'fills'> & {
    readonly isWriteTouched: boolean;
  } {
    const { l1, known, steppedBack, write } = this.#pod;
    const { held } = l1;
    let mask = 0;
    for (let id = 1; id < 32; id += 1) if (known.has(textOf(id))) mask |= 1 << id;
    return {
      held:
        held === undefined
          ? null
          : {
              at: -1,
              value: Number(held.value ?? 0),
              id: idFrom(held.writeId),
              stamp: stampFrom(held.stampUs),
              readAt: held.readAt,
            },
      known: mask,
      steppedBack: idFrom(steppedBack.highest(key) ?? null),
      written: idFrom(steppedBack.written(key) ?? null),
      fills: sorted(this.#fills.map(({ fence, fill }) => ({ ...fill, touched: !isUntouched(fence) || fill.touched }))),
      isWriteTouched: write !== undefined && !isUntouched(write),
    };
  }

  #do({ fills }: KeyState, act: Act): void {
    const free = [...this.#fills];
    this.#pod.fills.length = 0;
    for (const fill of fills) {
      const at = free.findIndex((live) => isEqual(live.fill, fill));
      const [found] = free.splice(at, 1);
      if (found !== undefined) this.#pod.fills.push(found.fence);
    }
    expect(free).toEqual([]);
    act(this.#pod);
    this.#fills = this.#fills.filter(({ fence }) => this.#pod.fills.includes(fence));
    for (const live of this.#fills) if (!isUntouched(live.fence)) live.fill = { ...live.fill, touched: true };
  }

  #goOn({ write }: KeyState, next: KeyState): void {
    if (next.held === null) this.#pod.l1.delete();
    if (write === null && next.write !== null)
      this.#pod.write = this.#maker.beginWrite(this.#pod.coherence, next.write);
  }

  #follow({ following }: KeyState): void {
    this.#maker.follow(following);
  }

  /** A fill that the model has and the pod has not begins; one that has read is the same fill. */
  #match({ fills }: KeyState): void {
    const unmatched = [...fills];
    const rest = this.#fills.filter(({ fill }) => {
      const at = unmatched.findIndex((each) => isEqual(each, fill));
      if (at >= 0) unmatched.splice(at, 1);
      return at < 0;
    });
    const [fill] = unmatched;
    if (fill === undefined) return;
    const [live] = rest;
    if (live === undefined) this.#fills.push({ fence: this.#pod.coherence.beginFill(key), fill });
    else live.fill = { ...fill, touched: live.fill.touched };
  }
}

function isEqual(a: Fill, b: Fill): boolean {
  return (
    a.read === b.read && a.min === b.min && a.began === b.began && a.followed === b.followed && a.touched === b.touched
  );
}

const everything: KeyOptions = {
  writes: 6,
  ownWrites: 3,
  fills: 4,
  duplicates: 2,
  evictions: 1,
  gaps: 1,
  restarts: 1,
  invalidations: 1,
  foreign: ['keep', 'touch', 'null'],
  leases: true,
  lowerIds: true,
  returns: 'updates',
  fast: true,
  late: true,
  forced: true,
};

describe('a pod that is made anew for each step', () => {
  it.each<[string, KeyOptions]>([
    ['deletes that remove', { ...everything, deletes: 'remove' }],
    ['deletes that mark', { ...everything, deletes: 'tombstone' }],
    ['mode invalidate', { ...everything, deletes: 'remove', mode: 'invalidate' }],
  ])(
    'does what one does whose objects live on: %s',
    (_name, options) => {
      const random = randomOf(seed);
      const recording = new RecordingPod(options);
      const model = new KeyModel(options, recording);
      let compared = 0;
      for (let walk = 0; walk < (isLong ? 5_000 : 200); walk += 1) {
        let state = model.initial;
        const live = new LivePod(options, state);
        for (;;) {
          const steps: Step[] = [];
          recording.take();
          model.next(state, (next, verb) => steps.push({ verb, next, act: recording.take() }));
          const step = steps[Math.floor(random() * steps.length)];
          if (step === undefined) break;
          live.follow(state, step);
          const { held, known, steppedBack, written, fills, write } = step.next;
          expect({ step: step.verb, ...live.looks() }).toEqual({
            step: step.verb,
            held: held === null ? null : { ...held, at: -1 },
            known,
            steppedBack,
            written,
            fills,
            isWriteTouched: write?.touched ?? false,
          });
          state = step.next;
          compared += 1;
        }
      }
      expect(compared).toBeGreaterThan(2_000);
    },
    timeoutMs,
  );
});
