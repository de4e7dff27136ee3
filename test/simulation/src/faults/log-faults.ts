import { deleteTopic, electLeader } from '../kafka/other-log.js';
import { type PlannedFault } from '../plan/plan.js';
import { type Random } from '../time/random.js';
import { dispatcherNames, names, regionNames, regionOf, table } from '../world/names.js';
import { type Region } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';
import { rewindTo } from './rewind-faults.js';

const targets = regionNames;
/** What is written beyond where the log ended before, at most. */
const beyondMax = 4;
/** Records that an election loses, at most. */
const lostMax = 12;
/** Calls by which a replay goes on first, at most. */
const callsOfReplay = 10;

const shape = { weight: 3, targets, durationMs: [100, 4_000] } as const;

type Befall = (world: World, region: Region, random: Random) => (() => void) | false;

/** Logs that become others under their readers: topics that are deleted and made anew, and elections of leaders that have not got everything. */
export const logFaults = {
  'table topic made anew': whileDispatchersRest(madeAnew(() => names.cdc(table))),
  'cache topic made anew': { ...shape, begin: begun(madeAnew(someCacheTopic)) },
  'routing topic made anew': { ...shape, begin: restored(madeAnew(() => names.routes)) },
  'table topic cut by an election': whileDispatchersRest(cut(() => names.cdc(table))),
  'cache topic cut by an election': { ...shape, begin: begun(cut(someCacheTopic)) },
  'routing topic cut by an election': { ...shape, begin: restored(cut(() => names.routes)) },
  'table topic becomes another log in a replay': {
    ...{ weight: 4, targets, durationMs: [500, 6_000] },
    begin: (world, { target, amount }, random) => {
      const region = world.region(regionOf(target));
      const befall = random.chance(0.5) ? madeAnew(() => names.cdc(table)) : cut(() => names.cdc(table));
      let end: (() => void) | false = false;
      let isOver = false;
      const strike = (): void => {
        if (isOver) return;
        isOver = true;
        world.context.counters.add('log became another one in a replay');
        end = befall(world, region, random);
      };
      const later = 1 + random.below(callsOfReplay);
      const spare = dispatcherNames(region.name).flatMap((name) => {
        const link = world.slot(name).link('kafka');
        const first = link?.strike('answer', /^commit of a rewind/, 1, () =>
          link.strike('answer', /^(send|commit|fetch)/, later, strike),
        );
        return first ?? [];
      });
      world.admin(region.name).ask(rewindTo(world, amount));
      return () => {
        isOver = true;
        for (const each of spare) each();
        if (end !== false) end();
      };
    },
  },
} satisfies Readonly<Record<string, Fault>>;

function begun(befall: Befall): Fault['begin'] {
  return (world, { target }, random) => befall(world, world.region(regionOf(target)), random);
}

/** In the half of the cases no dispatcher runs meanwhile, so that what is committed is all that anybody remembers. */
function whileDispatchersRest(befall: Befall): Fault {
  return {
    ...shape,
    begin: (world, { target, amount }, random) => {
      const region = world.region(regionOf(target));
      const slots = amount < 0.5 ? dispatcherNames(region.name).map((name) => world.slot(name)) : [];
      for (const slot of slots) slot.kill();
      const end = befall(world, region, random);
      return () => {
        if (end !== false) end();
        for (const slot of slots) slot.start();
      };
    },
  };
}

/** An operator writes the routes anew that were lost, after a while. */
function restored(befall: Befall): Fault['begin'] {
  return (world, fault: PlannedFault, random) => {
    const region = world.region(regionOf(fault.target));
    const { route, epoch } = region.routes;
    if (route === undefined) return false;
    const end = befall(world, region, random);
    if (end === false) return false;
    return () => {
      end();
      world.admin(region.name).restore(route, epoch);
    };
  };
}

function someCacheTopic(region: Region, random: Random): string | undefined {
  const carrying = region.kafka.topics.filter((topic) => region.routes.carries(topic));
  return carrying.length === 0 ? undefined : random.pick(carrying);
}

/** At once, or when its time is over; empty, or with as much as it had, and more. What the group has committed of it goes with it, or does not. */
function madeAnew(topicOf: (region: Region, random: Random) => string | undefined): Befall {
  return (world, region, random) => {
    const topic = topicOf(region, random);
    if (topic === undefined || !region.kafka.has(topic)) return false;
    const isAway = random.chance(0.4);
    const beyond = random.chance(0.6) ? 1 + random.below(beyondMax) : undefined;
    const isForgotten = random.chance(0.4);
    const make = deleteTopic(region, topic, beyond);
    if (isForgotten) region.group.forget(topic);
    if (beyond !== undefined) world.context.counters.add('topic made anew outgrew its readers');
    if (!isAway) make();
    return () => (isAway ? make() : undefined);
  };
}

/**
 * So that some of what is lost was read by everybody, and nobody tells what was lost behind that: an election that loses what was acknowledged and never
 * read is none that anybody could notice.
 */
function cut(topicOf: (region: Region, random: Random) => string | undefined): Befall {
  return (world, region, random) => {
    const topic = topicOf(region, random);
    if (topic === undefined || !region.kafka.has(topic)) return false;
    const isOutgrown = random.chance(0.6);
    let lost = 0;
    for (const [partition, log] of region.kafka.partitions(topic).entries()) {
      const read = world.leastRead(region, topic, partition);
      if (read === undefined || read <= log.start) continue;
      const at = Math.max(log.start, read - 1 - random.below(lostMax));
      lost += electLeader(region, topic, partition, at, isOutgrown ? random.below(beyondMax) : undefined);
    }
    if (lost === 0) return false;
    const { counters } = world.context;
    counters.add('records lost by an election', lost);
    if (isOutgrown) counters.add('log that was cut outgrew its readers');
    return () => undefined;
  };
}
