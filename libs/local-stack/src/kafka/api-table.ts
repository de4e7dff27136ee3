import { type Api } from './api.js';
import { errorCodes } from './error-codes.js';
import { fetchApi } from './fetch-api.js';
import {
  deleteGroupsApi,
  describeGroupsApi,
  findCoordinatorApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  offsetCommitApi,
  offsetFetchApi,
  syncGroupApi,
} from './group-apis.js';
import { apiKeys } from './kafka-faults.js';
import { produceApi } from './produce-api.js';
import {
  alterConfigsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeConfigsApi,
  initProducerIdApi,
  listOffsetsApi,
  metadataApi,
} from './topic-apis.js';
import { type WireWriter } from './wire-writer.js';

const apiVersionsApi: Api = {
  version: 2,
  handle: ({ writer }) => {
    writeApiVersions(writer, errorCodes.NONE);
    writer.int32(0);
  },
};

/** Every request that this broker understands, by its key. */
export const apis: ReadonlyMap<number, Api> = new Map<number, Api>([
  [apiKeys.Produce, produceApi],
  [apiKeys.Fetch, fetchApi],
  [apiKeys.ListOffsets, listOffsetsApi],
  [apiKeys.Metadata, metadataApi],
  [apiKeys.OffsetCommit, offsetCommitApi],
  [apiKeys.OffsetFetch, offsetFetchApi],
  [apiKeys.FindCoordinator, findCoordinatorApi],
  [apiKeys.JoinGroup, joinGroupApi],
  [apiKeys.Heartbeat, heartbeatApi],
  [apiKeys.LeaveGroup, leaveGroupApi],
  [apiKeys.SyncGroup, syncGroupApi],
  [apiKeys.DescribeGroups, describeGroupsApi],
  [apiKeys.ListGroups, listGroupsApi],
  [apiKeys.ApiVersions, apiVersionsApi],
  [apiKeys.CreateTopics, createTopicsApi],
  [apiKeys.DeleteTopics, deleteTopicsApi],
  [apiKeys.DeleteRecords, deleteRecordsApi],
  [apiKeys.InitProducerId, initProducerIdApi],
  [apiKeys.DescribeConfigs, describeConfigsApi],
  [apiKeys.AlterConfigs, alterConfigsApi],
  [apiKeys.CreatePartitions, createPartitionsApi],
  [apiKeys.DeleteGroups, deleteGroupsApi],
]);

/** What is spoken, and in which version; the answer to a version of this request that is not spoken is this list, too. */
export function writeApiVersions(writer: WireWriter, error: number): void {
  writer.int16(error);
  writer.array(apis, (w, [key, { version }]) =>
    w
      .int16(key)
      .int16(key === apiKeys.ApiVersions ? 0 : version)
      .int16(version),
  );
}
