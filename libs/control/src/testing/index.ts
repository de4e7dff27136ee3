export { FakeElection } from './fake-election.js';
export { FakeRouteHistory } from './fake-route-history.js';
export { FakeRouteLog, FakeRoutingTopic } from './fake-route-log.js';
export { FakeTopicAdmin } from './fake-topic-admin.js';
export { routeLogContract, type RouteLogSetup } from './route-log-contract.js';
export { type KillableCall, Life, mortal } from './mortal.js';
