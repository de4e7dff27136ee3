import { type Gauge } from '../soak/gauge.js';

/** Begins each line by which a process says that nobody handled a rejection or an exception. */
export const unhandledMark = 'CHAOS-UNHANDLED ';

/** Moves a process's wall clock to so far from true time; its monotonic clock stays. */
export interface ClockShift {
  readonly type: 'shift-clock';
  readonly ms: number;
}

/** Asks for what a process holds, once it has collected its garbage. */
export interface GaugeRequest {
  readonly type: 'gauge';
  readonly id: number;
}

export interface GaugeAnswer {
  readonly type: 'gauge';
  readonly id: number;
  readonly gauge: Gauge;
}

/** Of the environment: plants a leak of memory, timers and sockets in the process, some more every so many ms. The services refuse unknown names that begin with `TIDEMARK_`. */
export const leakVariable = 'CHAOS_LEAK_EVERY_MS';
