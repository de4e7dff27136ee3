import { type PlannedFault } from '../plan/plan.js';
import { type Link } from '../network/link.js';
import { dispatcherNames, podNames, regionNames, syncNames } from '../world/names.js';
import { type ServiceName } from '../world/region.js';
import { type World } from '../world/world.js';
import { type Fault } from './fault.js';

const pods = regionNames.flatMap(podNames);
const syncs = regionNames.flatMap(syncNames);
const dispatchers = regionNames.flatMap(dispatcherNames);

/** Ways that are cut, slow, or lose what comes back. */
export const linkFaults = {
  'pod cut off from Kafka': cut(5, pods, 'kafka', [500, 9_000]),
  'pod cut off from DynamoDB': cut(4, pods, 'dynamodb', [200, 4_000]),
  'sync cut off from Kinesis': cut(2, syncs, 'kinesis', [500, 9_000]),
  'sync cut off from Kafka': cut(2, syncs, 'kafka', [500, 9_000]),
  'sync cut off from the leases': cut(2, syncs, 'leases', [500, 9_000]),
  'dispatcher cut off from Kafka': cut(3, dispatchers, 'kafka', [500, 12_000]),
  'writes lose their acknowledgement': troubled(5, pods, 'dynamodb', (link) => link.loseAnswers(0.35)),
  'writes are late': troubled(5, pods, 'dynamodb', (link, { amount }) => link.beLate(0.35, 500 + 6_000 * amount)),
  'answers of the table are late': troubled(6, pods, 'dynamodb', (link, { amount }) =>
    link.beLate(0.5, 100 + 1_500 * amount),
  ),
  'sync loses acknowledgements of Kafka': troubled(2, syncs, 'kafka', (link) => link.loseAnswers(0.3)),
  'sync loses acknowledgements of the leases': troubled(2, syncs, 'leases', (link) => link.loseAnswers(0.3)),
  'sync is slow': troubled(2, syncs, 'kafka', (link, { amount }) => link.beLate(0.4, 300 + 3_000 * amount)),
  'dispatcher loses acknowledgements': troubled(3, dispatchers, 'kafka', (link) => link.loseAnswers(0.25)),
  'dispatcher is slow': troubled(3, dispatchers, 'kafka', (link, { amount }) => link.beLate(0.4, 300 + 3_000 * amount)),
} satisfies Readonly<Record<string, Fault>>;

function cut(
  weight: number,
  targets: readonly string[],
  service: ServiceName,
  durationMs: readonly [number, number],
): Fault {
  const begin: Fault['begin'] = (world, { target }) => onLink(world, target, service, (link) => link.cut());
  return { weight, targets, durationMs, begin };
}

function troubled(
  weight: number,
  targets: readonly string[],
  service: ServiceName,
  trouble: (link: Link, fault: PlannedFault) => void,
): Fault {
  const begin: Fault['begin'] = (world, fault) => onLink(world, fault.target, service, (link) => trouble(link, fault));
  return { weight, targets, durationMs: [1_000, 8_000], begin };
}

function onLink(
  world: World,
  target: string,
  service: ServiceName,
  trouble: (link: Link) => void,
): (() => void) | false {
  const link = world.slot(target).link(service);
  if (link === undefined || link.isCut) return false;
  trouble(link);
  return () => link.heal();
}
