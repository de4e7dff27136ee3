import { TidemarkError } from '@tidemark/runtime';

/** How requests name a stream: by its name always, since some emulators know no other, and by its ARN where that is known. */
export interface StreamName {
  readonly StreamName: string;
  readonly StreamARN?: string;
}

/** From the name or the ARN of a stream. Throws `INVALID_OPTIONS`. */
export function parseStreamName(stream: string): StreamName {
  const name = /^arn:[^:]+:kinesis:[^:]*:[^:]*:stream\/([a-zA-Z0-9_.-]{1,128})$/.exec(stream)?.[1];
  if (name !== undefined) return { StreamName: name, StreamARN: stream };
  if (/^[a-zA-Z0-9_.-]{1,128}$/.test(stream)) return { StreamName: stream };
  throw new TidemarkError('INVALID_OPTIONS', `stream: expected a name or an ARN, got ${JSON.stringify(stream)}`, {
    retriable: false,
    context: { option: 'stream', got: stream },
  });
}
