import { type KeyRange, type Route } from '@tidemark/protocol';
import { type Wish } from '../roles/admin-slot.js';
import { epochMs } from '../time/sim-process.js';
import { type Random } from '../time/random.js';
import { dispatcherNames, itemKey, regionNames, regionOf } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';
import { adding, without } from './route-faults.js';

const targets = regionNames;
/** A rewind goes back so far at most, ms. */
const spanMs = 15_000;
/** Calls by which a replay that a dispatcher dies in goes on first, at most. */
const callsOfReplay = 10;

/** Routes that are rewound, whole or a range of keys, by the admin of their region. */
export const rewindFaults = {
  rewound: {
    ...{ weight: 3, targets, durationMs: [500, 8_000] },
    begin: (world, { target, amount }) => {
      const admin = world.admin(regionOf(target));
      admin.ask(rewindTo(world, amount));
      // How an operator ends one that takes too long.
      return () => (amount < 0.3 ? admin.ask(rewindTo(world, 0)) : undefined);
    },
  },
  'rewound for a range of keys': {
    ...{ weight: 3, targets, durationMs: [0, 0] },
    begin: (world, { target, amount }, random) => {
      world.admin(regionOf(target)).ask(rewindTo(world, amount, rangeOf(world, random)));
      return () => undefined;
    },
  },
  'rewound while its route changes': {
    ...{ weight: 3, targets, durationMs: [500, 8_000] },
    begin: (world, { target, amount, durationMs }) => {
      const admin = world.admin(regionOf(target));
      admin.ask(rewindTo(world, amount));
      let end = (): void => undefined;
      const cancel = world.context.scheduler.after(durationMs * 0.3 * amount, () => {
        const [{ ask }, added] = adding(world, regionOf(target), amount);
        end = () => ask(without(added));
      });
      return () => {
        cancel();
        end();
      };
    },
  },
  'rewound while its dispatcher dies': dying((world, { amount }) => rewindTo(world, amount)),
  'rewound for a range of keys while its dispatcher dies': dying((world, { amount }, random) =>
    rewindTo(world, amount, rangeOf(world, random)),
  ),
} satisfies Readonly<Record<string, Fault>>;

/** To a time so much of the span ago, whichever admin is asked, and asked once for all. */
export function rewindTo({ context }: World, amount: number, keys?: KeyRange): Wish {
  const { scheduler, config } = context;
  // A time that also a slow clock has seen.
  const to = epochMs + Math.floor(Math.max(0, scheduler.nowMs - 2 * config.clockErrorMs - amount * spanMs));
  const isAsked = ({ rewind }: Route): boolean =>
    rewind?.to === to && rewind.keys?.from === keys?.from && rewind.keys?.to === keys?.to;
  return (route) => (isAsked(route) ? undefined : { type: 'rewind', to, ...(keys === undefined ? {} : { keys }) });
}

/** Some of the keys, next to each other. */
function rangeOf({ keys }: World, random: Random): KeyRange {
  const first = random.below(keys.length);
  const last = first + random.below(keys.length - first);
  return { from: itemKey(keys[first] ?? ''), to: `${itemKey(keys[last] ?? '')}\u0001` };
}

/** Who sets a partition back dies with that, or in the replay that follows; or is replaced, in good order. */
function dying(wishOf: (world: World, fault: { readonly amount: number }, random: Random) => Wish): Fault {
  return {
    ...{ weight: 4, targets, durationMs: [500, 10_000] },
    begin: (world, fault, random) => {
      const region = world.region(regionOf(fault.target));
      const spare = [...strikeAtRewind(world, region, random)];
      world.admin(region.name).ask(wishOf(world, fault, random));
      return () => {
        for (const each of spare) each();
        for (const name of dispatcherNames(region.name)) world.slot(name).start();
      };
    },
  };
}

function* strikeAtRewind(world: World, region: Region, random: Random): Generator<() => void> {
  const isOrderly = random.chance(0.3);
  const side = random.pick(['request', 'answer'] as const);
  const later = random.chance(0.6) ? 1 + random.below(callsOfReplay) : 0;
  let isOver = false;
  for (const name of dispatcherNames(region.name)) {
    const end = (when: string): void => {
      if (isOver) return;
      isOver = true;
      world.context.counters.add(`dispatcher ${isOrderly ? 'replaced' : 'died'} ${when}`);
      const slot = world.slot(name);
      if (isOrderly) slot.restart();
      else slot.kill();
    };
    const link = world.slot(name).link('kafka');
    const first = link?.strike(later > 0 ? 'answer' : side, /^commit of a rewind/, 1, () => {
      if (later === 0) return end('at the commit of a rewind');
      link.strike(side, /^(send|commit|fetch)/, later, () => end('in a replay'));
    });
    if (first !== undefined) yield first;
  }
}
