import { type Random, seededRandom, seedFor } from '@tidemark/local-stack';
import { type Deed, type Link, links, type Role, roles, type Step } from './step.js';

export interface Scenario {
  readonly name: string;
  /** Whether `npm test` plays it. */
  readonly isShort: boolean;
  /** Draws the script of a seed. */
  readonly script: (draw: Draw) => readonly Step[];
}

/** Draws from a seed. */
export class Draw {
  readonly #random: Random;

  constructor(seed: number, name: string) {
    this.#random = seededRandom(seedFor(seed, name));
  }

  /** A whole number from `min` to `max`. */
  between(min: number, max: number): number {
    return min + Math.floor(this.#random() * (max - min + 1));
  }

  one<T>(all: readonly T[]): T {
    const drawn = all[this.between(0, all.length - 1)];
    if (drawn === undefined) throw new RangeError('nothing to draw from');
    return drawn;
  }

  shuffled<T>(all: readonly T[]): readonly T[] {
    const left = [...all];
    return all.map(() => left.splice(this.between(0, left.length - 1), 1)[0] as T);
  }
}

const kinds = ['pod', 'sync', 'dispatcher', 'admin', 'kafka'] as const;

/** The worlds' failures of design: each is drawn anew from every seed. */
export const scenarios: readonly Scenario[] = [
  { name: 'kill -9 of each role', isShort: true, script: (draw) => eachRole(draw, 700, kill) },
  { name: 'SIGSTOP of each role', isShort: true, script: (draw) => eachRole(draw, 900, pause) },
  { name: 'TCP faults', isShort: true, script: tcpFaults },
  { name: 'lease theft', isShort: true, script: leaseTheft },
  { name: 'poison and oversize', isShort: true, script: poison },
  { name: 'two faults at once', isShort: true, script: twoAtOnce },
  { name: 'reshard', isShort: false, script: reshard },
  { name: 'mass restart', isShort: false, script: massRestart },
  { name: 'throttling', isShort: false, script: throttling },
  { name: 'clock jump', isShort: false, script: clockJump },
  { name: 'retention cut', isShort: false, script: retentionCut },
  { name: 'route move', isShort: false, script: routeMove },
  { name: 'pause and rewind', isShort: false, script: pauseAndRewind },
  { name: 'broker restart', isShort: false, script: brokerRestart },
  { name: 'broken links', isShort: false, script: brokenLinks },
  { name: 'late packets', isShort: false, script: latePackets },
];

export function scriptOf(scenario: Scenario, seed: number): readonly Step[] {
  return [...scenario.script(new Draw(seed, scenario.name))].sort((a, b) => a.atMs - b.atMs);
}

function eachRole(
  draw: Draw,
  everyMs: number,
  fault: (draw: Draw, role: Role, atMs: number) => readonly Step[],
): readonly Step[] {
  return draw.shuffled(kinds).flatMap((kind, index) => {
    const role = draw.one(roles.filter((each) => each.startsWith(kind)));
    return fault(draw, role, 500 + index * everyMs + draw.between(0, 300));
  });
}

function kill(draw: Draw, role: Role, atMs: number): readonly Step[] {
  const backMs = atMs + draw.between(300, 2_500);
  return [
    { atMs, deed: { do: 'kill', role } },
    { atMs: backMs, deed: { do: 'start', role } },
  ];
}

/** Some pauses are longer than a lease, a session, or what pods serve without a watermark. */
function pause(draw: Draw, role: Role, atMs: number): readonly Step[] {
  const backMs = atMs + draw.between(500, 6_000);
  return [
    { atMs, deed: { do: 'pause', role } },
    { atMs: backMs, deed: { do: 'resume', role } },
  ];
}

function tcpFaults(draw: Draw): readonly Step[] {
  const faults = [
    'latency',
    'reset',
    'cut',
    'half-open',
    'stall',
    draw.one(['stall-up', 'stall-down'] as const),
  ] as const;
  const chosen = draw.shuffled(links);
  return draw.shuffled(faults).flatMap((fault, index) => {
    const link = chosen[index] ?? draw.one(links);
    return linkFault(draw, fault, link, 400 + index * 500 + draw.between(0, 300));
  });
}

type LinkFault = 'latency' | 'stall' | 'stall-up' | 'stall-down' | 'reset' | 'cut' | 'half-open';

function linkFault(draw: Draw, fault: LinkFault, link: Link, atMs: number): readonly Step[] {
  const healed: Step = { atMs: atMs + draw.between(1_000, 4_000), deed: { do: 'heal', link } };
  if (fault !== 'latency') return [{ atMs, deed: { do: fault, link } }, healed];
  const [ms, jitterMs] = [draw.between(20, 400), draw.between(0, 300)];
  return [{ atMs, deed: { do: fault, link, ms, jitterMs } }, healed];
}

function leaseTheft(draw: Draw): readonly Step[] {
  return Array.from({ length: 3 }, (_, n) => ({
    atMs: 500 + n * 1_200 + draw.between(0, 600),
    deed: { do: 'steal', index: draw.between(0, 7) } satisfies Deed,
  }));
}

function poison(draw: Draw): readonly Step[] {
  return [
    { atMs: draw.between(300, 800), deed: { do: 'poison', count: draw.between(2, 6) } },
    { atMs: draw.between(900, 1_500), deed: { do: 'oversize', count: 2 } },
    { atMs: draw.between(1_600, 2_500), deed: { do: 'poison', count: draw.between(2, 6) } },
  ];
}

function twoAtOnce(draw: Draw): readonly Step[] {
  const atMs = draw.between(400, 800);
  const role = draw.one(roles);
  const first = draw.one([kill, pause])(draw, role, atMs);
  const others = links.filter((link) => link.role !== role);
  return [...first, ...linkFault(draw, draw.one(['cut', 'stall', 'half-open'] as const), draw.one(others), atMs)];
}

function reshard(draw: Draw): readonly Step[] {
  const at = (n: number): number => 500 + n * 2_500 + draw.between(0, 500);
  const steps: Step[] = [
    { atMs: at(0), deed: { do: 'split' } },
    { atMs: at(1), deed: { do: 'merge' } },
    { atMs: at(2), deed: { do: 'split' } },
  ];
  return [...steps, ...kill(draw, draw.one(['sync-1', 'sync-2'] as const), at(1) + 300)];
}

function massRestart(draw: Draw): readonly Step[] {
  const atMs = draw.between(400, 800);
  return draw.shuffled(roles).flatMap((role, index) => [
    { atMs, deed: { do: 'kill', role } satisfies Deed },
    { atMs: atMs + 1_000 + index * draw.between(0, 100), deed: { do: 'start', role } satisfies Deed },
  ]);
}

function throttling(draw: Draw): readonly Step[] {
  return Array.from({ length: 4 }, (_, n) => ({
    atMs: 400 + n * 900 + draw.between(0, 400),
    deed: {
      do: 'throttle',
      service: draw.one(['dynamodb', 'kinesis'] as const),
      times: draw.between(5, 60),
    } satisfies Deed,
  }));
}

/** Forward and back, on a pod and on a worker, by more than what anything waits for. */
function clockJump(draw: Draw): readonly Step[] {
  const jumpers = [draw.one(['pod-1', 'pod-2', 'pod-3'] as const), draw.one(['sync-1', 'sync-2'] as const)];
  return jumpers.flatMap((role, n) => {
    const atMs = 500 + n * 800;
    const ms = draw.one([-1, 1]) * draw.between(20_000, 600_000);
    return [
      { atMs, deed: { do: 'shift-clock', role, ms } satisfies Deed },
      { atMs: atMs + draw.between(3_000, 5_000), deed: { do: 'shift-clock', role, ms: 0 } satisfies Deed },
    ];
  });
}

/** While both dispatchers and a pod stand still, what they have not read goes away. */
function retentionCut(draw: Draw): readonly Step[] {
  const cutMs = draw.between(1_500, 3_000);
  const standing = (['dispatcher-1', 'dispatcher-2', draw.one(['pod-1', 'pod-2'] as const)] as const).flatMap(
    (role, n): readonly Step[] => [
      { atMs: 500 + n * 50, deed: { do: 'pause', role } },
      { atMs: cutMs + draw.between(500, 3_500), deed: { do: 'resume', role } },
    ],
  );
  return [...standing, { atMs: cutMs, deed: { do: 'cut-retention' } }];
}

/** Whichever admin is elected dies in the middle of a move, and a dispatcher at any time. */
function routeMove(draw: Draw): readonly Step[] {
  const moves = Array.from({ length: 3 }, (_, n) => ({
    atMs: 500 + n * 4_000 + draw.between(0, 500),
    deed: { do: 'move-route' } satisfies Deed,
  }));
  const { atMs } = draw.one(moves);
  return [
    ...moves,
    ...kill(draw, 'admin-1', atMs + draw.between(0, 2_000)),
    ...kill(draw, 'admin-2', atMs + draw.between(0, 2_000)),
    ...kill(draw, draw.one(['dispatcher-1', 'dispatcher-2'] as const), draw.between(1_000, 9_000)),
  ];
}

/** What waits, and what is sent again, passes from a dispatcher that dies to another; the admin that is to resume dies too. */
function pauseAndRewind(draw: Draw): readonly Step[] {
  const rewind = (atMs: number): Step => ({ atMs, deed: { do: 'rewind-route', ms: draw.between(3_000, 20_000) } });
  return [
    { atMs: draw.between(500, 1_000), deed: { do: 'hold-route', ms: draw.between(1_000, 3_000) } },
    ...kill(draw, draw.one(['admin-1', 'admin-2'] as const), draw.between(1_000, 3_000)),
    rewind(4_000),
    ...kill(draw, 'dispatcher-1', draw.between(3_000, 7_000)),
    rewind(9_000),
    ...kill(draw, 'dispatcher-2', draw.between(8_000, 11_000)),
  ];
}

function brokerRestart(draw: Draw): readonly Step[] {
  return [0, 1, 2].flatMap((n) => kill(draw, 'kafka', 500 + n * 3_500));
}

/** Every role's link to Kafka breaks, one after the other. */
function brokenLinks(draw: Draw): readonly Step[] {
  return draw
    .shuffled(links.filter(({ to }) => to === 'kafka'))
    .flatMap((link, n) =>
      linkFault(draw, draw.one(['cut', 'half-open', 'reset', 'stall'] as const), link, 400 + n * 600),
    );
}

/** What a worker and a dispatcher have sent arrives when others have long taken over their work. */
function latePackets(draw: Draw): readonly Step[] {
  const senders = [draw.one(['sync-1', 'sync-2'] as const), draw.one(['dispatcher-1', 'dispatcher-2'] as const)];
  return senders.flatMap((role) => {
    const atMs = draw.between(400, 1_500);
    const link: Link = { role, to: 'kafka' };
    return [
      { atMs, deed: { do: 'stall-up', link } satisfies Deed },
      { atMs: atMs + draw.between(7_000, 11_000), deed: { do: 'heal', link } satisfies Deed },
    ];
  });
}
