export { getCacheToken, InjectCache } from './cache-token.js';
export { TidemarkHealthIndicator, type TidemarkHealthResult } from './tidemark-health-indicator.js';
export { type TidemarkModuleOptions } from './tidemark-module-options.js';
export { type AsyncFeature, TidemarkModule } from './tidemark.module.js';
export { TidemarkService } from './tidemark.service.js';
