// Loaded before a process's own program (`node --import`): writes rejections that nobody handles, shifts its wall clock and says what it holds when told to.
import { writeSync } from 'node:fs';
import { readGauge } from './soak/gauge.js';
import { plantLeak } from './soak/planted-leak.js';
import {
  type ClockShift,
  type GaugeAnswer,
  type GaugeRequest,
  leakVariable,
  unhandledMark,
} from './world/watch-protocol.js';

function tell(what: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeSync(2, `${unhandledMark}${what}: ${text.replaceAll('\n', ' | ')}\n`);
}

process.on('unhandledRejection', (reason) => tell('unhandled rejection', reason));
// A listener of `uncaughtException` would keep the process alive.
process.on('uncaughtExceptionMonitor', (error) => tell('uncaught exception', error));

const TrueDate = Date;
let shiftMs = 0;
process.on('message', (message: ClockShift | GaugeRequest) => {
  if (message.type === 'shift-clock') shiftMs = message.ms;
  if (message.type === 'gauge')
    process.send?.({ type: 'gauge', id: message.id, gauge: readGauge() } satisfies GaugeAnswer);
});
const leakEveryMs = Number(process.env[leakVariable] ?? 0);
if (leakEveryMs > 0) plantLeak(leakEveryMs);
// The channel alone keeps no process alive.
process.channel?.unref();

const shiftedNow = (): number => TrueDate.now() + shiftMs;
globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, newTarget) as Date,
  apply: () => new TrueDate(shiftedNow()).toString(),
  get: (target, name, receiver) => (name === 'now' ? shiftedNow : (Reflect.get(target, name, receiver) as unknown)),
});
