/** Begins each line by which a process says that nobody handled a rejection or an exception. */
export const unhandledMark = 'CHAOS-UNHANDLED ';

/** Moves a process's wall clock to so far from true time; its monotonic clock stays. */
export interface ClockShift {
  readonly type: 'shift-clock';
  readonly ms: number;
}
