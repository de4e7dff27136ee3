import {
  type PodProgress,
  type RouteHistoryLog,
  type RouteLog,
  type RoutingTableOptions,
  type TopicAdmin,
  type WriterElection,
} from '@tidemark/control';
import { type TopicNames, topicNames } from '@tidemark/protocol';
import { type Clock, type Logger, MetricRegistry, silentLogger, systemClock, TidemarkError } from '@tidemark/runtime';

export interface AdminOptions {
  /** The routing topic; opened and closed by the service. */
  readonly log: RouteLog;
  readonly topics: TopicAdmin;
  /** What pods say of the topics that they follow. Default: nobody can tell, so that each move takes its whole time. */
  readonly pods?: PodProgress;
  /** Which of several admins takes changes; started and closed by the service. Default: this one. */
  readonly election?: WriterElection;
  /** Where changes are kept for later; closed by the service. Default: they are known for as long as the process lives. */
  readonly history?: RouteHistoryLog;
  /** Default: the names under the prefix `tidemark`. */
  readonly names?: TopicNames;
  /** Default 127.0.0.1. Anything but a loopback address needs a token. */
  readonly host?: string;
  /** 0 = any free port, the default. */
  readonly port?: number;
  /** What every request under `/api` must bear, at least 16 characters. Default none. */
  readonly token?: string | undefined;
  /** What a put may do to topics; see `RoutingTableOptions`. */
  readonly table?: Pick<
    RoutingTableOptions,
    'allowedTopics' | 'createTopics' | 'tablePartitions' | 'tablesMax' | 'timeoutMs' | 'topicsMax'
  >;
  /** Fails readiness as soon as it is aborted, ahead of `close`. */
  readonly stopping?: AbortSignal;
  /** Largest body of a request, bytes. Default 65,536. */
  readonly bodyBytesMax?: number;
  /** How long `close` lets requests end before it cuts them off, ms. Default 5,000. */
  readonly drainTimeoutMs?: number;
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly metrics?: MetricRegistry;
}

export interface ResolvedAdminOptions extends Required<
  Omit<AdminOptions, 'token' | 'stopping' | 'pods' | 'election' | 'history'>
> {
  readonly pods: PodProgress | undefined;
  readonly election: WriterElection | undefined;
  readonly history: RouteHistoryLog | undefined;
  readonly token: string | undefined;
  readonly stopping: AbortSignal | undefined;
}

/** Shorter ones could be guessed. */
export const tokenLengthMin = 16;

/** Fills in the defaults; throws `INVALID_OPTIONS` naming the field. */
export function resolveAdminOptions(options: AdminOptions): ResolvedAdminOptions {
  const { log, topics, pods, election, history, token, stopping } = options;
  const { host = '127.0.0.1', names = topicNames(), table = {} } = options;
  if (token !== undefined && (token.length < tokenLengthMin || /[^\x21-\x7e]/.test(token))) {
    throw invalid('token', `expected at least ${tokenLengthMin} printable ASCII characters without spaces`);
  }
  if (token === undefined && !isLoopback(host)) {
    throw invalid('host', `${host} can be reached from other machines, so a token must be configured`);
  }
  const given = { log, topics, pods, election, history, token, stopping };
  return { ...given, host, names, table, ...limitsOf(options), ...portsOf(options) };
}

function limitsOf({ port = 0, bodyBytesMax = 65_536, drainTimeoutMs = 5_000 }: AdminOptions) {
  return { port, bodyBytesMax, drainTimeoutMs };
}

function portsOf({ clock = systemClock, logger = silentLogger, metrics = new MetricRegistry() }: AdminOptions) {
  return { clock, logger, metrics };
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function invalid(field: string, problem: string): TidemarkError {
  return new TidemarkError('INVALID_OPTIONS', `${field}: ${problem}`, { retriable: false, context: { field } });
}
