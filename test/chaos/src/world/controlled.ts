import { type Gauge } from '../soak/gauge.js';

/** A process of the world, whatever runs in it. */
export interface Controlled {
  readonly name: string;
  readonly isRunning: boolean;
  readonly isPaused: boolean;
  /** Times that it was started. */
  readonly lives: number;
  /** What nobody handled in any of its lives, a line each. */
  readonly unhandled: string[];
  /** Ends that nobody asked for. */
  readonly deaths: string[];
  /** The end of what it wrote. */
  readonly tail: string;
  start(): void;
  /** Resolves when it has ended. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** It is there, and does nothing. */
  pause(): void;
  resume(): void;
  /** Puts its wall clock so far from true time, where it can be. */
  shiftClock(ms: number): void;
  /** As a fault of its own would end it: nobody has asked for it. */
  crash(): void;
  /** What it holds, once it has collected its garbage; `undefined` where it does not say so within 5 s. */
  gauge(): Promise<Gauge | undefined>;
}
