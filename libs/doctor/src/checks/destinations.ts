import { type DestinationReader, type TableDestination } from '@tidemark/pipeline';
import { failed } from '../examine.js';
import { type Check, type Finding, ok, problem, skipped, warning } from '../finding.js';

/** Whether the changes of each table reach the stream, and how exactly they are dated. */
export function destinationsCheck(
  streamArn: string,
  reader: DestinationReader,
  tablesOf: (signal: AbortSignal) => Promise<readonly string[]>,
): Check {
  return {
    name: 'destinations',
    run: async (signal) => {
      const tables = await tablesOf(signal);
      if (tables.length === 0) return [skipped('tables', 'no table has a route or a table topic yet')];
      const findings: Finding[] = [];
      for (const table of tables)
        findings.push(
          await reader.read(table, signal).then(
            (destination) => destinationFinding(table, streamArn, destination),
            (error: unknown) => failed(table, error),
          ),
        );
      return findings;
    },
  };
}

export function destinationFinding(table: string, streamArn: string, found: TableDestination): Finding {
  const { status, description, precision } = found;
  const named = `--table-name ${table} --stream-arn ${streamArn}`;
  const text = description === null ? status : `${status} (${description})`;
  switch (status) {
    case 'ACTIVE':
      if (precision === 'MICROSECOND') return ok(table, 'ACTIVE, MICROSECOND');
      return warning(
        table,
        `${text}, dated to the ${(precision ?? 'MILLISECOND').toLowerCase()}: changes of a key within one are in doubt, and pods read it again`,
        `aws dynamodb update-kinesis-streaming-destination ${named} --update-kinesis-streaming-configuration ApproximateCreationDateTimePrecision=MICROSECOND (in place; disabling it instead makes a hole)`,
      );
    case 'ENABLING':
    case 'UPDATING':
      return warning(table, `the streaming destination is ${text}`, 'wait; it takes some minutes');
    case 'TABLE_MISSING':
      return problem(
        table,
        'has a route or a table topic, and is no table of this region',
        'delete the route, or give the region a replica of the table',
      );
    default:
      return problem(
        table,
        status === 'NONE' ? 'nothing carries its changes into this stream' : `the streaming destination is ${text}`,
        `aws dynamodb enable-kinesis-streaming-destination ${named} --enable-kinesis-streaming-configuration ApproximateCreationDateTimePrecision=MICROSECOND; sync then flushes the table once`,
      );
  }
}
