import { loadConfig, pinoLogger, runProcess } from '@tidemark/process';
import { backendOf, configuration } from './configuration.js';
import { type ExampleService, startExampleService } from './start-example-service.js';

const values = loadConfig(configuration);
const logger = pinoLogger(values.TIDEMARK_LOG_LEVEL, configuration.name);
let pod: ExampleService | undefined;

runProcess({
  logger,
  start: async () => {
    pod = await startExampleService({
      backend: backendOf(values),
      host: values.TIDEMARK_HTTP_HOST,
      port: values.TIDEMARK_HTTP_PORT,
      logger,
    });
    logger.info({ url: pod.url }, 'listening');
  },
  stop: async () => pod?.close(),
});
