// What happens to each move of a table, drawn from a seed; pure.
import { seeded } from './wait.mjs';

/** Where in a move a role dies: before it is asked for, while the answer is on its way, while the table goes to both topics, when it has ended. */
export const moments = /** @type {const} */ (['before', 'asked', 'both', 'ended']);
/** Who dies. */
export const mortals = /** @type {const} */ (['admin', 'dispatcher 1', 'dispatcher 2', 'sync 1', 'sync 2']);

const shareRolledBack = 0.15;

/** @typedef {(typeof moments)[number]} Moment */
/** @typedef {{ readonly role: string, readonly kind: string, readonly moment: Moment, readonly afterMs: number, readonly downMs: number }} Death */
/** @typedef {{ readonly death: Death, readonly rollsBack: boolean }} PlannedMove */

/**
 * One death a move. Kinds of roles and moments take turns, each in an order of its own, so that 12 moves have all pairs; of a kind either dies.
 * @param {number} seed
 * @param {number} count
 * @returns {readonly PlannedMove[]}
 */
export function planOfMoves(seed, count) {
  const random = seeded(seed);
  const kinds = ['admin', 'dispatcher', 'sync'];
  const pairs = shuffled(
    kinds.flatMap((kind) => moments.map((moment) => ({ kind, moment }))),
    random,
  );
  // Three moves kill all three kinds.
  const inTurn = Array.from({ length: 4 }, () => shuffled(kinds, random)).flat();
  const turns = inTurn.map(
    (kind) =>
      pairs.splice(
        pairs.findIndex((pair) => pair.kind === kind),
        1,
      )[0],
  );
  return Array.from({ length: count }, (_, n) => {
    const { kind, moment } = turns[n % turns.length] ?? { kind: 'admin', moment: 'both' };
    const roles = mortals.filter((role) => role.startsWith(kind));
    return {
      death: {
        ...{ kind, moment, role: roles[Math.floor(random() * roles.length)] ?? kind },
        afterMs: Math.floor(random() * (moment === 'asked' ? 30 : 1_500)),
        downMs: 300 + Math.floor(random() * 2_000),
      },
      rollsBack: random() < shareRolledBack,
    };
  });
}

/** @template T @param {readonly T[]} all @param {() => number} random @returns {T[]} */
function shuffled(all, random) {
  const left = [...all];
  return all.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}
