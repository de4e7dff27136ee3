/** What a client may do with a topic, by Kafka's names, as far as Tidemark needs it. */
export type TopicOperation = 'Read' | 'Write' | 'Describe' | 'DescribeConfigs';

/** Kafka's numbers. */
const bits: readonly (readonly [TopicOperation, number])[] = [
  ['Read', 3],
  ['Write', 4],
  ['Describe', 8],
  ['DescribeConfigs', 10],
];
/** Kafka's word for operations that were not asked for. */
const notAsked = -2_147_483_648;

/** Of a field of Kafka's, in which each operation that is allowed has its bit; `undefined`: it does not tell. */
export function operationsOf(field: number): readonly TopicOperation[] | undefined {
  if (field === notAsked) return undefined;
  return bits.filter(([, bit]) => (field & (1 << bit)) !== 0).map(([operation]) => operation);
}
