import { DescribeStreamSummaryCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { parseStreamName } from '@tidemark/kinesis';
import { type Clock } from '@tidemark/runtime';
import { askKinesis, type Asking } from './ask-aws.js';

/** How far AWS's clock is ahead of this host's, ms, by the `Date` of an answer; `undefined` where it has none. */
export async function awsAheadMs(
  stream: string,
  kinesis: KinesisClient,
  asking: Asking,
  signal: AbortSignal,
): Promise<number | undefined> {
  let date: string | undefined;
  const command = new DescribeStreamSummaryCommand(parseStreamName(stream));
  command.middlewareStack.add(
    (next) => async (input) => {
      const result = await next(input);
      date = dateOf(result.response);
      return result;
    },
    { step: 'deserialize', name: 'tidemarkAnswerDate', priority: 'low' },
  );
  const sentAt = asking.clock.now();
  await askKinesis(asking, 'describeStreamSummary', signal, (abortSignal) => kinesis.send(command, { abortSignal }));
  return date === undefined ? undefined : aheadMs(date, sentAt, asking.clock);
}

/** The middle of the second that the date names, beside the middle of the call. */
export function aheadMs(date: string, sentAt: number, clock: Pick<Clock, 'now'>): number | undefined {
  const at = Date.parse(date);
  return Number.isNaN(at) ? undefined : Math.round(at + 500 - (sentAt + clock.now()) / 2);
}

function dateOf(response: unknown): string | undefined {
  const { headers } = response as { headers?: Readonly<Record<string, string>> };
  return Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'date')?.[1];
}
