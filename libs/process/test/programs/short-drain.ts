import { pinoLogger, runProcess } from '../../src/index.js';

/** A process that never drains, and has 200 ms for it. */
const keepAlive = setInterval(() => undefined, 1_000);
const logger = pinoLogger('info', 'short-drain');
runProcess({
  logger,
  drainMs: 200,
  start: async () => logger.info({ keepAlive: keepAlive.hasRef() }, 'started'),
  stop: () => new Promise(() => undefined),
});
