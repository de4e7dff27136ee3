import { type Plan } from '../plan/plan.js';

export interface ShrinkOptions {
  /** Whether a plan still fails, in the same way. */
  readonly fails: (plan: Plan) => Promise<boolean>;
  /** Plans that may be tried. */
  readonly triesMax: number;
  /** Operations on other keys are tried without first. */
  readonly key?: string | undefined;
}

/** The run's end keeps this distance from the last that happens in it, ms. */
const tailMs = 500;

/** Drops operations and faults of a failing plan, cuts off its end, and shortens its faults, for as long as it fails all the same. */
export async function shrink(plan: Plan, { fails, triesMax, key }: ShrinkOptions): Promise<Plan> {
  let best = plan;
  let tries = 0;
  const attempt = async (smaller: Plan): Promise<boolean> => {
    if (tries >= triesMax) return false;
    tries += 1;
    if (!(await fails(smaller))) return false;
    best = smaller;
    return true;
  };
  if (key !== undefined) await attempt(onlyOn(plan, key));
  for (let before: Plan | undefined; before !== best && tries < triesMax;) {
    before = best;
    await cutEnd(() => best, attempt);
    await drop(() => best, 'faults', attempt);
    await drop(() => best, 'operations', attempt);
    await shortenFaults(() => best, attempt);
  }
  return best;
}

function onlyOn(plan: Plan, key: string): Plan {
  const operations = plan.operations.filter(({ keys }) => keys.includes(key));
  return { ...plan, operations: operations.map((operation) => ({ ...operation, keys: [key] })) };
}

type Attempt = (plan: Plan) => Promise<boolean>;

/** The earliest end, by halves. */
async function cutEnd(best: () => Plan, attempt: Attempt): Promise<void> {
  let passesMs = Math.min(...best().operations.map(({ atMs }) => atMs));
  while (best().endMs - passesMs > tailMs) {
    const middleMs = (best().endMs + passesMs) / 2;
    if (!(await attempt(endingAt(best(), middleMs)))) passesMs = middleMs;
  }
}

function endingAt(plan: Plan, endMs: number): Plan {
  return {
    ...plan,
    endMs,
    operations: plan.operations.filter(({ atMs }) => atMs < endMs),
    faults: plan.faults.filter(({ atMs }) => atMs < endMs),
  };
}

/** Leaves out ever smaller pieces of a list. */
async function drop(best: () => Plan, list: 'operations' | 'faults', attempt: Attempt): Promise<void> {
  if (best()[list].length > 1 && (await attempt({ ...best(), [list]: [] }))) return;
  for (let size = Math.ceil(best()[list].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < best()[list].length;) {
      const present = best();
      const kept = [...present[list].slice(0, start), ...present[list].slice(start + size)];
      if (!(await attempt({ ...present, [list]: kept }))) start += size;
    }
  }
}

async function shortenFaults(best: () => Plan, attempt: Attempt): Promise<void> {
  for (const { id } of best().faults) {
    const shorter = best().faults.map((fault) =>
      fault.id === id ? { ...fault, durationMs: Math.floor(fault.durationMs / 2) } : fault,
    );
    if ((best().faults.find((fault) => fault.id === id)?.durationMs ?? 0) >= 200)
      await attempt({ ...best(), faults: shorter });
  }
}
