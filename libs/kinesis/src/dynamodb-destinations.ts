import {
  ConditionalCheckFailedException,
  DescribeKinesisStreamingDestinationCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  type DestinationLook,
  type DestinationReader,
  type DestinationStore,
  type TableDestination,
} from '@tidemark/pipeline';
import { type Clock, isTidemarkError, systemClock } from '@tidemark/runtime';
import { callAws } from './aws-call.js';
import { destinationKey, fromDestinationItem, lookedAtAttribute, toDestinationItem } from './destination-item.js';
import { makeDynamoDBClient } from './dynamodb-client.js';

export interface DynamoDBDestinationsOptions {
  /** ARN of the stream into which the tables' changes should go. */
  readonly streamArn: string;
  /** The lease table: the last look at each table is a row of its own there. */
  readonly leaseTable: string;
  /** How to reach DynamoDB, or a client. A client made here makes two attempts a call. */
  readonly dynamodb: DynamoDBClientConfig | DynamoDBClient;
  /** Deadline of one call with its attempts, ms. Default 3,000. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Streaming destinations as DynamoDB describes them, and the last look at each as a row of the lease table. */
export class DynamoDBDestinations implements DestinationReader, DestinationStore {
  readonly #client: DynamoDBClient;
  readonly #ownsClient: boolean;
  readonly #streamArn: string;
  readonly #leaseTable: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  constructor(options: DynamoDBDestinationsOptions) {
    const { streamArn, leaseTable, dynamodb, timeoutMs = 3_000, clock = systemClock } = options;
    this.#ownsClient = !(dynamodb instanceof DynamoDBClient);
    this.#client = dynamodb instanceof DynamoDBClient ? dynamodb : makeDynamoDBClient(dynamodb);
    this.#streamArn = streamArn;
    this.#leaseTable = leaseTable;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  async read(table: string, signal: AbortSignal): Promise<TableDestination> {
    const what = 'dynamodb.describeKinesisStreamingDestination';
    try {
      const { KinesisDataStreamDestinations: all = [] } = await this.#call(what, signal, (abortSignal) =>
        this.#client.send(new DescribeKinesisStreamingDestinationCommand({ TableName: table }), { abortSignal }),
      );
      const ours = all.filter(({ StreamArn }) => StreamArn === this.#streamArn);
      const destination = ours.find(({ DestinationStatus }) => DestinationStatus === 'ACTIVE') ?? ours[0];
      // A destination that was disabled may stay listed beside the one in its place: that is told too, since nothing else tells of it.
      const texts = ours.flatMap((each) =>
        each === destination ? (each.DestinationStatusDescription ?? []) : `beside one ${each.DestinationStatus}`,
      );
      return {
        status: destination?.DestinationStatus ?? 'NONE',
        description: texts.length === 0 ? null : texts.join(', '),
        precision: destination?.ApproximateCreationDateTimePrecision ?? null,
      };
    } catch (error) {
      if (isTidemarkError(error, 'TABLE_MISSING'))
        return { status: 'TABLE_MISSING', description: null, precision: null };
      throw error;
    }
  }

  async get(table: string, signal: AbortSignal): Promise<DestinationLook | undefined> {
    const input = { TableName: this.#leaseTable, Key: destinationKey(table), ConsistentRead: true };
    const { Item } = await this.#call(`dynamodb.getItem of lease table ${this.#leaseTable}`, signal, (abortSignal) =>
      this.#client.send(new GetItemCommand(input), { abortSignal }),
    );
    return Item === undefined ? undefined : fromDestinationItem(Item);
  }

  put(table: string, look: DestinationLook, signal: AbortSignal): Promise<void> {
    const item = toDestinationItem(table, look);
    const input = {
      TableName: this.#leaseTable,
      Item: item,
      ConditionExpression: 'attribute_not_exists(#at) OR #at <= :at',
      ExpressionAttributeNames: { '#at': lookedAtAttribute },
      ExpressionAttributeValues: { ':at': { N: String(Math.floor(look.lookedAt)) } },
    };
    return this.#call(`dynamodb.putItem of lease table ${this.#leaseTable}`, signal, async (abortSignal) => {
      try {
        await this.#client.send(new PutItemCommand(input), { abortSignal });
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    });
  }

  /** Closes the connections of a client that was made here. */
  close(): void {
    if (this.#ownsClient) this.#client.destroy();
  }

  #call<T>(what: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const [clock, timeoutMs] = [this.#clock, this.#timeoutMs];
    const errors = { missing: 'TABLE_MISSING', unavailable: 'STORE_UNAVAILABLE' } as const;
    return callAws({ clock, timeoutMs, what, signal, ...errors }, work);
  }
}
