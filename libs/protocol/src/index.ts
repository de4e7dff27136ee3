export {
  type CdcEvent,
  type ControlRecord,
  type DecodedRecord,
  decodeRecord,
  decodeSrc,
  encodeControl,
  encodeEvent,
  encodeSrc,
  headerName,
  isForeign,
  srcHeaderName,
  type WireRecord,
} from './cdc-event.js';
export { type ChangeRecordContext, translateChangeRecord, type Translation } from './change-record.js';
export { type Codec, jsonCodec, jsonDepthMax } from './codec.js';
export { checkVersion, type VersionCheck } from './format-version.js';
export {
  type Attributes,
  type BinaryEncoding,
  type ImageResult,
  readImage,
  wellFormedPart,
  writeImage,
} from './item-attributes.js';
export {
  attributes,
  imageBytes,
  imageBytesMax,
  isBucket,
  type ItemImage,
  itemKeyBytesMax,
  itemKeyOf,
  keyProblem,
  parseItemKey,
  type Payload,
  payloadBytes,
} from './item.js';
export { isOwnItemKey, ownItemKeyOf } from './own-item.js';
export { decodeLogNote, encodeLogNote, type LogNote } from './log-note.js';
export { partitionOf } from './partition.js';
export {
  type DecodedPodReport,
  decodePodReport,
  encodePodReport,
  type PodReport,
  type TableProgress,
} from './pod-report.js';
export {
  decodeRewindNote,
  encodeRewindNote,
  hasDone,
  noteAt,
  type RewindNote,
  type RewindStart,
  rewound,
  type Rewound,
} from './rewind-note.js';
export {
  carries,
  decodeRoute,
  encodeRoute,
  followedTopic,
  isLive,
  type KeyRange,
  type Route,
  type RouteFollower,
  type RouteMove,
  type RouteResult,
  type RouteRewind,
  type RouteTarget,
  targetsOf,
  type TopicLimit,
} from './route.js';
export {
  decodeRouteHistory,
  encodeRouteHistory,
  type RouteHistoryEntry,
  type RouteHistoryResult,
} from './route-history.js';
export { tableOfCdcTopic, tableProblem, type TopicNames, topicNames, topicProblem } from './topic-names.js';
export { formatWriteId, isWriteId, parseWriteId, WriteClock, type WriteId, type WriteIdParts } from './write-id.js';
