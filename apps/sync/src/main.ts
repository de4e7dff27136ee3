import { loadConfig, runService } from '@tidemark/process';
import { startSync } from '@tidemark/services';
import { configuration, syncOptions } from './configuration.js';

const values = loadConfig(configuration);

runService({ name: configuration.name, values, start: (ports) => startSync(syncOptions(values), ports) });
