import {
  Coherence,
  type CoherenceOptions,
  type Entry,
  type Fence,
  type Installable,
  type KnownSet,
  type L1,
  PartitionState,
  SteppedBack,
  type Verdict,
} from '@tidemark/cache/internals';
import { type CdcEvent, isForeign } from '@tidemark/protocol';
import { type KeyOptions } from './key-options.js';

type Make = NonNullable<KeyOptions['make']>;

/** Ends a fill as if nothing had happened since it began. */
export class NoFillFence extends Coherence {
  override completeFill(fence: Fence, image: Installable): void {
    this.abandonFill(fence);
    super.completeFill(this.beginFill(fence.key), image);
  }
}

export class NoPutFence extends Coherence {
  override completePut(fence: Fence, image: Installable): void {
    this.cancelWrite(fence);
    super.completePut(this.beginWrite(fence.key, fence.writeId), image);
  }
}

export class NoDeleteFence extends Coherence {
  override completeDelete(fence: Fence, readAt: number): void {
    this.cancelWrite(fence);
    super.completeDelete(this.beginWrite(fence.key, fence.writeId), readAt);
  }
}

export class DirtyFillsAreJoined extends Coherence {
  override joinable(): boolean {
    return true;
  }
}

/** A fenced fill leaves the entry alone, although it hands something else to its callers. */
export class LenientFill extends Coherence {
  override completeFill(fence: Fence, image: Installable): void {
    if (this.joinable(fence)) super.completeFill(fence, image);
    else this.abandonFill(fence);
  }
}

export class FlushKeepsEntries extends Coherence {
  override flush(): number {
    return 0;
  }
}

/** What is in flight stays clean while `during` runs. */
class Blind extends Coherence {
  readonly #open = new Set<Fence>();

  override beginFill(key: string): Fence {
    return this.#opened(super.beginFill(key));
  }

  override beginWrite(key: string, writeId?: string): Fence {
    return this.#opened(super.beginWrite(key, writeId));
  }

  protected blindly(during: () => void): void {
    const before = [...this.#open].map((fence) => [fence, fence.dirty] as const);
    during();
    for (const [fence, dirty] of before) fence.dirty = dirty;
  }

  #opened(fence: Fence): Fence {
    this.#open.add(fence);
    return fence;
  }
}

export class InstallsDirtyNothing extends Blind {
  override completeFill(fence: Fence, image: Installable): void {
    this.blindly(() => super.completeFill(fence, image));
  }
}

export class AcknowledgementsDirtyNothing extends Blind {
  override completePut(fence: Fence, image: Installable): void {
    this.blindly(() => super.completePut(fence, image));
  }
}

export class InvalidationsDirtyNothing extends Blind {
  override invalidate(key: string): void {
    this.blindly(() => super.invalidate(key));
  }
}

/** Without an entry to judge, an event is not noticed. */
export class EventsWithoutEntryDirtyNothing extends Blind {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    let verdict: Verdict = { action: 'keep', rule: 3 };
    if (this.peek(key) !== undefined) return super.applyEvent(key, event);
    this.blindly(() => (verdict = super.applyEvent(key, event)));
    return verdict;
  }
}

/** The put's exemption from its own event, stretched to a foreign update that left its write id standing. */
export class ForeignEventSparesThePut extends Blind {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    if (!isForeign(event)) return super.applyEvent(key, event);
    const verdict: Verdict = { action: 'drop', rule: 1 };
    if (event.to === null) return super.applyEvent(key, event);
    super.applyEvent(key, { ...event, from: 'elsewhere' });
    super.expire(key);
    return verdict;
  }
}

/** An attempt of unknown outcome leaves the entry as it was. */
export class AmbiguityKeepsTheEntry extends Coherence {
  override failWrite(fence: Fence): void {
    this.cancelWrite(fence);
  }
}

/** Applies an event as if the change log had brought it. */
export class TakesTheFastLaneAtItsWord extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    return super.applyEvent(key, { ...event, lane: 'cdc' });
  }
}

export class ForeignIsOrdinary extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    return super.applyEvent(key, isForeign(event) && event.to !== null ? { ...event, from: 'elsewhere' } : event);
  }
}

/** Asks whether the write id is known before it asks whether the event is foreign. */
export class KnownBeforeForeign extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const isKnown = event.to !== null && this.hasSeen(event.to);
    return isKnown ? { action: 'keep', rule: 2 } : super.applyEvent(key, event);
  }
}

/** Asks whether the write id is known whatever others may write: in mode `invalidate`, too. */
export class KnownIsBehind extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const isKnown = !isForeign(event) && event.to !== null && this.hasSeen(event.to);
    return isKnown ? { action: 'keep', rule: 2 } : super.applyEvent(key, event);
  }
}

/** Takes the newer stamp for the newer state, however close they are. */
export class NoMargin extends Coherence {
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const entry = this.peek(key);
    const isStamped = entry?.value !== undefined && entry.stampUs > 0 && event.stampUs !== null;
    return isStamped && !isForeign(event) && event.stampUs < entry.stampUs
      ? { action: 'keep', rule: 8 }
      : super.applyEvent(key, event);
  }
}

export class TimedOutIsKnown extends Coherence {
  readonly #known: KnownSet;
  constructor(options: CoherenceOptions, known: KnownSet) {
    super(options);
    this.#known = known;
  }
  override failWrite(fence: Fence): void {
    super.failWrite(fence);
    if (fence.writeId !== undefined) this.#known.add(fence.writeId);
  }
}

/** A clean answer that differs from the entry says nothing but that the entry was read just now. */
export class FillKeepsTheEntry extends Coherence {
  readonly #l1: L1;
  constructor(options: CoherenceOptions) {
    super(options);
    this.#l1 = options.l1;
  }
  override completeFill(fence: Fence, image: Installable): void {
    const entry = this.peek(fence.key);
    if (entry === undefined || !this.joinable(fence)) return super.completeFill(fence, image);
    this.abandonFill(fence);
    this.#l1.noteRead(this.#l1.find(fence.key), image.readAt);
  }
}

/** Installs what `imageOf` makes of an event where the shipped rule would not. */
export function installing(
  when: (held: Entry | undefined, event: CdcEvent) => boolean,
  over: Partial<Entry> = {},
): Make {
  return (options) =>
    new (class extends Coherence {
      override applyEvent(key: string, event: CdcEvent): Verdict {
        const held = this.peek(key);
        const before = held === undefined ? undefined : { ...held };
        const verdict = super.applyEvent(key, event);
        if (event.value !== null && !isForeign(event) && when(before, event)) {
          const entry = {
            isPlain: true,
            writeId: event.to,
            stampUs: event.stampUs ?? 0,
            expiresAt: 0,
            readAt: 0,
            partition: 0,
          };
          options.l1.set(key, { ...entry, value: options.hold(event).value, source: 'event', ...over }, 300);
        }
        return verdict;
      }
    })(options);
}

/** An applied fast event leaves the stamp of what stood there before. */
export class FastKeepsTheStamp extends Coherence {
  readonly #l1: L1;
  constructor(options: CoherenceOptions) {
    super(options);
    this.#l1 = options.l1;
  }
  override applyEvent(key: string, event: CdcEvent): Verdict {
    const stampUs = this.peek(key)?.stampUs ?? 0;
    const verdict = super.applyEvent(key, event);
    const entry = this.peek(key);
    if (entry !== undefined && event.lane === 'fast' && verdict.action === 'apply')
      this.#l1.set(key, { ...entry, stampUs }, 300);
    return verdict;
  }
}

/** Takes write ids for ambiguous only where `when` says so, too. */
export function doubting(when: (event: Pick<CdcEvent, 'from' | 'to'>) => boolean): Make {
  return (options) => {
    const shipped = options.steppedBack ?? new SteppedBack();
    const steppedBack = new (class extends SteppedBack {
      override note(key: string, event: Pick<CdcEvent, 'from' | 'to'>): void {
        shipped.note(key, event);
      }

      override covers(key: string, event: Pick<CdcEvent, 'from' | 'to'>): boolean {
        return when(event) && shipped.covers(key, event);
      }
    })();
    return new Coherence({ ...options, steppedBack });
  };
}

/** Forgets what it wrote itself, beside what it knows. */
export function forgettingItsOwn(options: CoherenceOptions): Coherence {
  const { steppedBack } = options;
  if (steppedBack !== undefined) steppedBack.noteWritten = () => undefined;
  return new Coherence(options);
}

export function ignoringGenerations(options: CoherenceOptions): Coherence {
  const state = new PartitionState();
  state.followed = 'a';
  return new Coherence({ ...options, partitionOf: () => ({ index: 0, state }) });
}
