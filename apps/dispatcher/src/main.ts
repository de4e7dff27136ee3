import { loadConfig, runService } from '@tidemark/process';
import { startDispatcher } from '@tidemark/services';
import { configuration, dispatcherOptions } from './configuration.js';

const values = loadConfig(configuration);

runService({ name: configuration.name, values, start: (ports) => startDispatcher(dispatcherOptions(values), ports) });
