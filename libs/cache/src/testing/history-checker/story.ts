import { checkHistory, type CheckHistoryOptions } from './check-history.js';
import { type WriteAsks } from './history.js';
import { HistoryRecorder, type NewState, type OpenRead, type OpenWrite, type ReadCall } from './history-recorder.js';
import { describeViolation } from './violation.js';

export const key = 'k';

/** A hand-written history of one key: each call takes 1 ms of true time. Region `us` has the pods `a` and `b`, region `eu` has `c`. */
export class Story {
  #ms = 0;
  readonly recorder = new HistoryRecorder(() => (this.#ms += 1));

  constructor() {
    for (const [pod, region] of Object.entries({ a: 'us', b: 'us', c: 'eu' })) {
      this.recorder.started(pod, region);
      this.recorder.registered(pod);
    }
  }

  get ms(): number {
    return this.#ms;
  }

  pass(ms: number): void {
    this.#ms += ms;
  }

  /** Somebody's change is applied. */
  becomes(value: string | null, over: Partial<NewState> = {}): { accepted(): void } {
    return this.recorder.transition({ region: 'us', key, value, ...over });
  }

  begin(pod: string, over: Partial<ReadCall> = {}): OpenRead {
    return this.recorder.read({ operation: 'get', pod, key, watermark: null, ...over });
  }

  serves(pod: string, value: string | null, over: Partial<ReadCall> = {}): void {
    this.begin(pod, over).served(value, 'l1');
  }

  put(pod: string): OpenWrite {
    return this.recorder.write({ operation: 'put', pod, key });
  }

  /** A put that asks something of the state that it meets. */
  write(pod: string, condition: WriteAsks): OpenWrite {
    return this.recorder.write({ operation: 'put', pod, key, condition });
  }

  /** A put that is applied in its region and acknowledged. */
  puts(pod: string): string {
    const write = this.put(pod);
    this.becomes(write.value, { region: pod === 'c' ? 'eu' : 'us' });
    write.ended({ type: 'applied' });
    return write.id;
  }

  /** Invariants that are broken, in the order found. */
  broken(options?: CheckHistoryOptions): readonly string[] {
    return checkHistory(this.recorder.history(), options).map(({ invariant }) => invariant);
  }

  report(): string {
    return checkHistory(this.recorder.history()).map(describeViolation).join('\n');
  }
}

export function story(tell: (story: Story) => void): Story {
  const told = new Story();
  tell(told);
  return told;
}
