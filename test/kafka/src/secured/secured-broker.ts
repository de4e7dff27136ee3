import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createKafkaClient } from '@tidemark/kafka';
import { type KafkaAddress } from '@tidemark/services';
import { type Admin } from 'kafkajs';
import { type RealKafka, startKafka } from '../real-kafka.mjs';
import { type Certificate, makeCertificate } from './certificate.js';
import { aclsOf, type Permission } from './permissions.js';

/** Who logs in how. */
const mechanisms = {
  sync: 'scram-sha-512',
  dispatcher: 'plain',
  admin: 'scram-sha-512',
  pod: 'plain',
  doctor: 'scram-sha-512',
  stranger: 'scram-sha-512',
} as const;
export type User = keyof typeof mechanisms;
const users = Object.keys(mechanisms) as User[];

const passwordOf = (user: string): string => `${user}-password`;

/**
 * One broker of Apache Kafka with a listener of TLS and SASL and Kafka's own authorizer, which allows nobody anything but what he was given. Beside it the
 * plain listener, whose clients may do everything.
 */
export class SecuredBroker {
  readonly #kafka: RealKafka;
  readonly #folder: string;
  readonly #certificate: Certificate;
  #admin: Promise<Admin> | undefined;

  private constructor(kafka: RealKafka, folder: string, certificate: Certificate) {
    this.#kafka = kafka;
    this.#folder = folder;
    this.#certificate = certificate;
  }

  static async start(): Promise<SecuredBroker> {
    const folder = await mkdtemp(path.join(tmpdir(), 'tidemark-secured-'));
    try {
      const certificate = await makeCertificate(folder);
      const { keyStore, password } = certificate;
      const kafka = await startKafka({
        listeners: { SECURED: ['127.0.0.1:0'] },
        scramUsers: users.map((name) => ({ name, password: passwordOf(name) })),
        properties: {
          'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL',
          'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
          'listener.name.secured.plain.sasl.jaas.config': plainUsers(),
          'listener.name.secured.scram-sha-512.sasl.jaas.config':
            'org.apache.kafka.common.security.scram.ScramLoginModule required;',
          'ssl.keystore.type': 'PKCS12',
          'ssl.keystore.location': keyStore,
          'ssl.keystore.password': password,
          'ssl.key.password': password,
          // Ends while the longest case runs: its clients must log in again on the connections that they have.
          'connections.max.reauth.ms': 12_000,
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS',
        },
      });
      return new SecuredBroker(kafka, folder, certificate);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Where the listener of TLS and SASL is. */
  get secured(): readonly string[] {
    return this.#kafka.listeners['SECURED'] ?? [];
  }

  /** Where the listener without either is. */
  get plain(): readonly string[] {
    return this.#kafka.brokers;
  }

  /** How a user reaches it. */
  address(user: User, { password = passwordOf(user) } = {}): KafkaAddress {
    const mechanism = mechanisms[user];
    const login = { username: user, password };
    return {
      brokers: this.secured,
      ssl: { ca: [this.#certificate.pem] },
      // One shape per mechanism, as clients of Kafka type it.
      sasl: mechanism === 'plain' ? { mechanism, ...login } : { mechanism, ...login },
    };
  }

  /** The same as the environment of a process. */
  environment(user: User): Readonly<Record<string, string>> {
    return {
      TIDEMARK_KAFKA_BROKERS: this.secured.join(),
      TIDEMARK_KAFKA_SSL: 'true',
      TIDEMARK_KAFKA_SASL_MECHANISM: mechanisms[user],
      TIDEMARK_KAFKA_SASL_USERNAME: user,
      TIDEMARK_KAFKA_SASL_PASSWORD: passwordOf(user),
      NODE_EXTRA_CA_CERTS: this.#certificate.file,
    };
  }

  async allow(user: User, prefix: string, permissions: readonly Permission[]): Promise<void> {
    await (await this.admin()).createAcls({ acl: aclsOf(user, prefix, permissions) });
  }

  /** Takes back what `allow` gave. */
  async forbid(user: User, prefix: string, permissions: readonly Permission[]): Promise<void> {
    await (await this.admin()).deleteAcls({ filters: aclsOf(user, prefix, permissions) });
  }

  /** One that may do everything. */
  admin(): Promise<Admin> {
    this.#admin ??= (async () => {
      const admin = createKafkaClient({ brokers: this.#kafka.brokers }).admin({});
      await admin.connect();
      return admin;
    })();
    return this.#admin;
  }

  async stop(): Promise<void> {
    await (await this.#admin)?.disconnect();
    await this.#kafka.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function plainUsers(): string {
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  return `${module} ${users.map((user) => `user_${user}="${passwordOf(user)}"`).join(' ')};`;
}
