export { MoveController, type MoveControllerOptions, type PodProgress } from './move-controller.js';
export type * from './ports.js';
export { type RouteChange, type RouteDiff, type RoutePrecondition, type TopicFilters } from './route-change.js';
export { type PastChange, type PastChanges, RouteHistory, type RouteHistoryOptions } from './route-history.js';
export { moveMs, type RouteOperation, type RouteOperationType } from './route-operation.js';
export {
  importRoutes,
  type ImportOptions,
  type RouteDump,
  type RouteImport,
  type RouteRestorer,
} from './route-dump.js';
export { type RouteProblem, type RouteRule } from './route-validation.js';
export { RoutingTable } from './routing-table.js';
export {
  type ChangeOptions,
  type PutLimits,
  type RoutingTableOptions,
  type WriterState,
} from './routing-table-options.js';
