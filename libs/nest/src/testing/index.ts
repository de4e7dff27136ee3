export { TidemarkTestingModule } from './tidemark-testing.module.js';
