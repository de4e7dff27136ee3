// What a scenario is given and what it tells.

/**
 * @typedef {object} Options
 * @property {number | undefined} seconds
 * @property {number | undefined} rate changes a second
 * @property {number} seed
 * @property {boolean} quick
 * @property {number | undefined} minutes of outage
 * @property {number | undefined} moves of the table's route
 * @property {string | undefined} plant what is made to go wrong
 * @property {number | undefined} memoryMib bound of sync's resident memory
 */

/** @typedef {{ readonly world: import('./world.mjs').World, readonly options: Options, readonly say: (line: string) => void }} Context */

/**
 * @typedef {object} Outcome
 * @property {Readonly<Record<string, unknown>>} facts
 * @property {readonly (import('./usage.mjs').Usage & { readonly phase?: string })[]} roles
 * @property {readonly import('./verdict.mjs').Goal[]} goals
 * @property {readonly string[]} notes how the figures were come by
 */

export {};
