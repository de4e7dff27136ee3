// A table's route moved between two topics under load, by the admin API, while admin, dispatchers and workers are killed at every moment of it.
import { GapTrace } from './gap-trace.mjs';
import { KeptKeys, PodCallers } from './kept-keys.mjs';
import { Ledger } from './ledger.mjs';
import { Load } from './load.mjs';
import { givenUpUnderPods, ServedNumbers, TopicSteps } from './move-check.mjs';
import { mortals, planOfMoves } from './move-plan.mjs';
import { checkHeld, dropsOf } from './pods.mjs';
import { readByKafkajs } from './reader.mjs';
import { RouteWatch } from './route-watch.mjs';
import { TableMover } from './table-mover.mjs';
import { UsageWatch } from './usage.mjs';
import { isMet, movesGoals, podGoals } from './verdict.mjs';
import { until, wait } from './wait.mjs';
import { table } from './world.mjs';

const shards = 4;
const keys = 200;
const keptKeys = 20;
const bytes = 200;
const rateDefault = 500;
/** Beside the rate, what goes through the emulator of DynamoDB, as far as that is fast enough. */
const keptRate = 50;
const movesDefault = 20;
const pods = ['pod 1', 'pod 2'];
const inStepMs = 60_000;
const drainMs = 120_000;
const agreedMs = 10_000;

/** @typedef {{ n: number, moment: string, role: string, ending: string, followedMs: number, gapMs: number }} MoveDone */

/** @param {import('./scenario.mjs').Context} context @returns {Promise<import('./scenario.mjs').Outcome>} */
export async function moves({ world, options, say }) {
  const count = options.moves ?? movesDefault;
  const rate = options.rate ?? rateDefault;
  const topics = await begin(world);
  const watch = new RouteWatch({ brokers: world.brokers, table });
  await watch.open(world.names);
  const ledger = new Ledger();
  const steps = new TopicSteps();
  const reader = await readByKafkajs({
    ...{ brokers: world.brokers, topic: topics, ledger },
    onDelivery: (topic, key, number) => steps.delivered(topic, key, number),
  });
  const trace = new GapTrace();
  const onAccepted = (/** @type {string} */ key, /** @type {number} */ number, /** @type {number} */ atMs) => {
    trace.note('accepted', key, number, atMs);
    ledger.accepted(key, number, atMs);
  };
  const kept = new KeptKeys({ ...world.aws, rate: keptRate, keys: keptKeys, bytes, onAccepted });
  const load = new Load({ aws: world.aws, rate, keys, bytes, onAccepted });
  const served = new ServedNumbers();
  const callers = new PodCallers({ world, pods, ids: kept.ids, served });
  const usage = new UsageWatch(() => world.pids());
  const inStep = () => until('the topics are in step', () => ledger.missing < rate * 2, inStepMs);
  await inStep();
  const tableReader = await readByKafkajs({
    ...{ brokers: world.brokers, topic: world.names.cdc(table) },
    onDelivery: (_topic, key, number) => trace.note('table topic', key, number, performance.now()),
  });
  say(`${rate} changes/s, ${count} moves, seed ${options.seed}`);
  const mover = new TableMover({
    world,
    table,
    watch,
    pods: pods.length,
    skipsReports: options.plant === 'skip-reports',
  });
  const done = await moveAgainAndAgain({ world, options, say, count, topics, mover, inStep, ledger });
  const [reached, keptReached] = [load.reached, kept.reached];
  await Promise.all([load.stop(), kept.stop()]);
  const drain = await until('all in the topics', () => ledger.missing === 0, drainMs).catch(() => Infinity);
  const check = { ...(await agreed(world, kept)), ...(await dropsOf(world, pods)) };
  await callers.stop();
  const roles = usage.stop();
  const result = ledger.result();
  const givenUp = givenUpUnderPods(watch.routes, watch.reports);
  await Promise.allSettled([reader.close(), tableReader.close(), watch.close()]);
  const run = {
    ...{
      result,
      load: { rate, reached },
      asked: count,
      pods: check,
      givenUp: givenUp.length,
      breaks: steps.breaks(watch.routes),
    },
    ...{ ended: done.length, backwards: served.back.count, served: served.reads, deaths: deathsOf(done) },
  };
  const endings = done.map(({ ending }) => ending);
  return {
    facts: {
      completed: endings.filter((ending) => ending === 'completed').length,
      rolledBack: endings.filter((ending) => ending === 'rolled back').length,
      ...run.deaths,
      ...result,
      ...trace.stagesOf(result),
      ...check,
      readsOfPods: served.reads,
      stalenessMaxSeconds: callers.stalenessMaxMs / 1_000,
      followedMaxSeconds: Math.max(0, ...done.map(({ followedMs }) => followedMs)) / 1_000,
      routeVersions: watch.routes.at(-1)?.version,
      rateReached: reached,
      keptRateReached: keptReached,
      drainSeconds: drain / 1_000,
    },
    roles,
    goals: movesGoals(run),
    notes: [...notes, ...givenUp.slice(0, 5), ...(served.back.example === null ? [] : [served.back.example])],
  };
}

const notes = [
  `changes are written by PutRecords; up to ${keptRate}/s beside them go through the emulator of DynamoDB, on keys that pods hold`,
  'lost: in neither topic; the gap of a key counts what either topic brings',
  'a break: a topic stepped past a change without having been added to the route anew',
];

/** Resolves to the two topics, which are there. @param {import('./world.mjs').World} world */
async function begin(world) {
  await Promise.all([world.startAws(shards), world.startKafka()]);
  const home = world.names.cache(table);
  const away = `${home}.away`;
  await world.addRoute([away]);
  for (const name of mortals) await world.add(name, kindOf(name));
  await Promise.all(pods.map((name) => world.add(name, 'pod')));
  return [home, away];
}

/** @param {string} name @returns {import('./world.mjs').Kind} */
function kindOf(name) {
  if (name === 'admin') return 'admin';
  return name.startsWith('sync') ? 'sync' : 'dispatcher';
}

/**
 * @param {{ world: import('./world.mjs').World, options: import('./scenario.mjs').Options, say: (line: string) => void, count: number, topics: readonly string[], mover: TableMover, inStep: () => Promise<number>, ledger: Ledger }} run
 * @returns {Promise<readonly MoveDone[]>}
 */
async function moveAgainAndAgain({ world, options, say, count, topics, mover, inStep, ledger }) {
  /** @type {MoveDone[]} */
  const done = [];
  let [from = '', to = ''] = topics;
  for (const [n, { death, rollsBack }] of planOfMoves(options.seed, count).entries()) {
    const { moment, role, afterMs } = death;
    const at = (/** @type {string} */ now) => (now === moment ? dies(world, death) : undefined);
    const before = at('before');
    const asked = at('asked');
    await Promise.all([mover.ask(to), before === undefined ? undefined : wait(afterMs)]);
    const both = at('both');
    if (rollsBack) {
      await wait(afterMs);
      await mover.rollBack();
    }
    const ending = await mover.ended(from, to);
    const last = at('ended');
    const place = ending === 'completed' ? to : from;
    const followedMs = await mover.followed(place);
    await Promise.all([before, asked, both, last]);
    await inStep();
    const { gapMs } = ledger.result();
    const longer = gapMs > (done.at(-1)?.gapMs ?? 0) ? `, a gap of ${(gapMs / 1_000).toFixed(1)} s` : '';
    say(
      `move ${n + 1}: ${ending}; ${role} died ${moment}; followed after ${(followedMs / 1_000).toFixed(1)} s${longer}`,
    );
    done.push({ n, moment, role, ending, followedMs, gapMs });
    if (ending === 'completed') [from, to] = [to, from];
  }
  return done;
}

/** Killed, and started again; resolves when it is ready. @param {import('./world.mjs').World} world @param {import('./move-plan.mjs').Death} death */
async function dies(world, { role, afterMs, downMs }) {
  await wait(afterMs);
  await world.kill(role);
  await wait(downMs);
  await world.start(role);
}

/** How often which kind of role died when. @param {readonly MoveDone[]} done @returns {Record<string, string>} */
function deathsOf(done) {
  /** @type {Record<string, string>} */
  const deaths = {};
  for (const kind of ['admin', 'dispatcher', 'sync']) {
    const moments = done.filter(({ role }) => role.startsWith(kind)).map(({ moment }) => moment);
    const counted = [...new Set(moments)].map((moment) => `${moment} ${moments.filter((m) => m === moment).length}`);
    if (counted.length > 0) deaths[`${kind} died`] = counted.join(', ');
  }
  return deaths;
}

/** Until the pods hold what was written last and nothing else, or ten seconds have passed. @param {import('./world.mjs').World} world @param {KeptKeys} kept */
async function agreed(world, kept) {
  let check = await checkHeld(world, pods, kept.last, bytes);
  await until(
    'no key diverges',
    async () => {
      check = await checkHeld(world, pods, kept.last, bytes);
      return podGoals(check).every(isMet);
    },
    agreedMs,
  ).catch(() => undefined);
  return check;
}
