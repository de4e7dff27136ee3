import { cpuNs } from './cpu-clock.js';
import { type Plan } from './row.js';
import { median } from './statistics.js';

/** Does its work so many times. */
export type Repeat = (times: number) => void | Promise<void>;

const slices = 5;
const timesMax = 8_000_000;

/** CPU time of one call, ns: repeated until it is warm and a slice is long enough to be measured, then the median of five slices. */
export async function nsEach({ quick }: Plan, repeat: Repeat): Promise<number> {
  const sliceNs = quick ? 40e6 : 100e6;
  let times = 500;
  for (;;) {
    const spentNs = await cpuOf(() => repeat(times));
    if (spentNs >= sliceNs || times >= timesMax) break;
    times = Math.min(timesMax, times * 2);
  }
  const figures: number[] = [];
  for (let slice = 0; slice < slices; slice += 1) figures.push((await cpuOf(() => repeat(times))) / times);
  return median(figures);
}

/** CPU time of the work, ns. */
export async function cpuOf(work: () => void | Promise<void>): Promise<number> {
  const beganNs = cpuNs();
  await work();
  return cpuNs() - beganNs;
}
