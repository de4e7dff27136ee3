export interface RealKafkaOptions {
  /** How many brokers, each a controller too; 1 to 5, default 1. */
  readonly brokers?: number;
  /** Broker properties on top of, or in place of, the built-in ones. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /**
   * Further listeners by name (capitals, digits and underscores, a capital first), for clients that reach the brokers by another address, such as a
   * proxy's: of each broker the `host:port` to which its clients are sent, port 0 for the listener's own. They speak plain text, unless the property
   * `listener.security.protocol.map` says otherwise. Default: none.
   */
  readonly listeners?: Readonly<Record<string, readonly string[]>>;
  /** Who may log in by SCRAM-SHA-512. Default: nobody. */
  readonly scramUsers?: readonly { readonly name: string; readonly password: string }[];
  /** Of each broker; consumers that name a rack read from the replica in it. Default: none. */
  readonly racks?: readonly string[];
}

export interface RealKafka {
  /** Of Apache Kafka. */
  readonly version: string;
  /** Addresses for clients, such as `127.0.0.1:24117`; a broker keeps its own over restarts. */
  readonly brokers: string[];
  /** Of the further listeners, by name: where each broker listens. */
  readonly listeners: Readonly<Record<string, readonly string[]>>;
  /** Sends a signal to the broker at an index from 0, default SIGKILL; resolves when it has ended, where the signal ends it. */
  kill(index: number, signal?: NodeJS.Signals): Promise<void>;
  /** Starts the broker at an index again on its data, ending it first where it runs; resolves when clients can use it. */
  restart(index: number): Promise<void>;
  /** Ends every broker and removes their data. */
  stop(): Promise<void>;
}

/** Whether Apache Kafka can be run here, and which version; or what is missing. Asks `java` and `mvn`, some 100 ms. */
export function available(): { ok: true; version: string } | { ok: false; reason: string };

/**
 * Starts a cluster of Apache Kafka on 127.0.0.1, fetching it first where needed. Nothing outlives `stop()`, nor the
 * calling process, however it ends. Throws where `available()` is not ok, for options that it cannot take, and where a broker is not ready in 120 s.
 */
export function startKafka(options?: RealKafkaOptions): Promise<RealKafka>;
