interface ApiVersion {
  readonly key: number;
  readonly version: number;
  /** The version of kafkajs, where `version` is a newer one. */
  readonly older?: number;
}

/**
 * Every request this broker answers, with its key and the one version it speaks: the highest that kafkajs 2.2.4 knows, which is therefore the
 * only one kafkajs sends. Two are spoken in a second, newer version, too, which names topics by their ids, in the flexible encoding; what lies between is
 * offered, because brokers offer ranges, and not answered. `ApiVersions` is also answered in its older versions, because that is where a client starts.
 */
export const apiTable = {
  Produce: { key: 0, version: 7 },
  Fetch: { key: 1, version: 13, older: 11 },
  ListOffsets: { key: 2, version: 3 },
  Metadata: { key: 3, version: 12, older: 6 },
  OffsetCommit: { key: 8, version: 5 },
  OffsetFetch: { key: 9, version: 4 },
  FindCoordinator: { key: 10, version: 2 },
  JoinGroup: { key: 11, version: 5 },
  Heartbeat: { key: 12, version: 3 },
  LeaveGroup: { key: 13, version: 3 },
  SyncGroup: { key: 14, version: 3 },
  DescribeGroups: { key: 15, version: 2 },
  ListGroups: { key: 16, version: 2 },
  ApiVersions: { key: 18, version: 2 },
  CreateTopics: { key: 19, version: 3 },
  DeleteTopics: { key: 20, version: 1 },
  DeleteRecords: { key: 21, version: 1 },
  InitProducerId: { key: 22, version: 1 },
  DescribeConfigs: { key: 32, version: 2 },
  AlterConfigs: { key: 33, version: 1 },
  CreatePartitions: { key: 37, version: 1 },
  DeleteGroups: { key: 42, version: 1 },
} as const satisfies Record<string, ApiVersion>;

/** A kind of request, by Kafka's name. */
export type ApiName = keyof typeof apiTable;

export const apiNames = Object.keys(apiTable) as ApiName[];

const namesByKey = new Map<number, ApiName>(apiNames.map((name) => [apiTable[name].key, name]));

/** The kind of request behind a key; `undefined` for one that is not spoken. */
export function apiNamed(key: number): ApiName | undefined {
  return namesByKey.get(key);
}

/** The oldest version that is answered. */
export function versionMin(name: ApiName): number {
  const { version, older }: ApiVersion = apiTable[name];
  return name === 'ApiVersions' ? 0 : (older ?? version);
}

/** Any version of `ApiVersions` is answered: it is how a client finds out. */
export function isSpoken(name: ApiName, version: number): boolean {
  return name === 'ApiVersions' || version === apiTable[name].version || version === versionMin(name);
}

/** Whether request and answer are in the flexible encoding, their headers included. */
export function isFlexible(name: ApiName, version: number): boolean {
  const { older }: ApiVersion = apiTable[name];
  return older !== undefined && version > older;
}
