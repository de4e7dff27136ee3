import { describe, it } from '@jest/globals';
import { available } from './real-kafka.mjs';

const required = process.env['TIDEMARK_REQUIRE_KAFKA'] === '1' || process.env['CI'] === 'true';

/** Tests that start brokers of Apache Kafka; where that cannot be, one that says loudly what was not run, and fails in CI. */
export function describeOnApache(what: string, tests: () => void): void {
  const possible = available();
  if (possible.ok) return describe(`${what} on Apache Kafka ${possible.version}`, tests);
  describe(`${what} on Apache Kafka`, () =>
    it('could not be run', () => {
      const line = `NOT RUN: ${what} on Apache Kafka, because ${possible.reason}; TIDEMARK_TEST_KAFKA=host:port names a broker for the contract`;
      console.warn(line);
      if (required) throw new Error(line);
    }));
}
