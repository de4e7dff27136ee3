export { MoveController, type MoveControllerOptions, type PodProgress } from './move-controller.js';
export type * from './ports.js';
export { type RouteChange, type RouteDiff, type RoutePrecondition, type TopicFilters } from './route-change.js';
export { moveMs, type RouteOperation, type RouteOperationType } from './route-operation.js';
export { type RouteProblem, type RouteRule } from './route-validation.js';
export { type ChangeOptions, type PutLimits, RoutingTable, type WriterState } from './routing-table.js';
export { type RoutingTableOptions } from './routing-table-options.js';
