import { type HistoryRecorder } from '@tidemark/cache/testing';
import { type WorldConfig } from '../plan/plan.js';
import { type Random } from '../time/random.js';
import { type Scheduler } from '../time/scheduler.js';
import { type Trace } from '../time/trace.js';
import { type Counters } from './counters.js';

/** What every part of a world shares. */
export interface WorldContext {
  readonly config: WorldConfig;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly random: Random;
  readonly recorder: HistoryRecorder;
  readonly counters: Counters;
  /** Life of each pod, by its id among the pods. */
  readonly lives: Map<string, string>;
}
