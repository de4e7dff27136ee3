import { describe, it } from '@jest/globals';
import { shardReaderContract } from '@tidemark/pipeline/testing';
import { fannedOutStream } from '../test/fan-out-stream.js';

describe('KinesisFanOutReader over HTTP/2', () => {
  for (const { name, run } of shardReaderContract(fannedOutStream)) it(name, run);
});
