import { type Race } from '../race.js';
import { busDown, busDownPublishingFails, cutOff, lostMessage, reorderedMessages } from './bus-races.js';
import { fillDuringClear, fillDuringOwnWrite, fillDuringRemoteClear, fillDuringRemoteWrite } from './fill-races.js';
import { lostAcknowledgement, loadAfterNewerPut, loadAfterRemotePut, pausedWriter } from './write-races.js';

/** Every race, in the order of the table. */
export const races: readonly Race[] = [
  fillDuringRemoteWrite,
  fillDuringOwnWrite,
  lostMessage,
  reorderedMessages,
  fillDuringClear,
  fillDuringRemoteClear,
  lostAcknowledgement,
  loadAfterRemotePut,
  loadAfterNewerPut,
  pausedWriter,
  busDown,
  busDownPublishingFails,
  cutOff,
];
