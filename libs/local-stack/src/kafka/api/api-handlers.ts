import { type ApiName } from '../api-table.js';
import { type ApiHandler } from './api-call.js';
import { apiVersions, findCoordinator, metadata } from './cluster-apis.js';
import { alterConfigs, describeConfigs } from './config-apis.js';
import { fetch } from './fetch-api.js';
import { deleteGroups, describeGroups, heartbeat, joinGroup, leaveGroup, listGroups, syncGroup } from './group-apis.js';
import { listOffsets, offsetCommit, offsetFetch } from './offset-apis.js';
import { produce } from './produce-api.js';
import { initProducerId } from './producer-apis.js';
import { createPartitions, createTopics, deleteRecords, deleteTopics } from './topic-apis.js';

/** Who answers what. */
export const apiHandlers: Readonly<Record<ApiName, ApiHandler>> = {
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  Metadata: metadata,
  OffsetCommit: offsetCommit,
  OffsetFetch: offsetFetch,
  FindCoordinator: findCoordinator,
  JoinGroup: joinGroup,
  Heartbeat: heartbeat,
  LeaveGroup: leaveGroup,
  SyncGroup: syncGroup,
  DescribeGroups: describeGroups,
  ListGroups: listGroups,
  ApiVersions: apiVersions,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  DeleteRecords: deleteRecords,
  InitProducerId: initProducerId,
  DescribeConfigs: describeConfigs,
  AlterConfigs: alterConfigs,
  CreatePartitions: createPartitions,
  DeleteGroups: deleteGroups,
};
