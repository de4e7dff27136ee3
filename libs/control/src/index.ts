export type * from './ports.js';
export { type RouteChange, type RouteDiff, type RoutePrecondition } from './route-change.js';
export { type RouteProblem, type RouteRule } from './route-validation.js';
export { type ChangeOptions, RoutingTable, type WriterState } from './routing-table.js';
export { type RoutingTableOptions } from './routing-table-options.js';
