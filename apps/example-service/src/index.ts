export { type Permission, permissions } from './permissions.cache.js';
export { type ExampleService, type ExampleServiceOptions, startExampleService } from './start-example-service.js';
