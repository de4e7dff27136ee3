import { type Message } from 'kafkajs';
import { type KafkaClient } from './kafka-client.js';
import { type Acknowledgement, ProducerConnection } from './producer-connection.js';

/**
 * Connections for topics, at most so many: each topic has one of its own while there are enough, then the one that has the fewest topics.
 *
 * Brokers answer the requests of a connection in order, so one that waits for its topic's replicas keeps all that were sent behind it waiting.
 */
export class ProducerConnections {
  readonly #client: KafkaClient;
  readonly #max: number;
  readonly #onReplace: () => void;
  readonly #all: { readonly connection: ProducerConnection; topics: number }[] = [];
  readonly #byTopic = new Map<string, ProducerConnection>();

  constructor(client: KafkaClient, max: number, onReplace: () => void) {
    this.#client = client;
    this.#max = max;
    this.#onReplace = onReplace;
  }

  /** Resolves when every message is acknowledged, to where each partition's messages begin. */
  send(topic: string, messages: Message[]): Promise<Acknowledgement> {
    return this.#of(topic).send(topic, messages);
  }

  /** Closes each once its sends have ended. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(({ connection }) => connection.close()));
  }

  #of(topic: string): ProducerConnection {
    const known = this.#byTopic.get(topic);
    if (known !== undefined) return known;
    if (this.#all.length < this.#max) {
      this.#all.push({ connection: new ProducerConnection(this.#client, this.#onReplace), topics: 0 });
    }
    const least = this.#all.reduce((fewest, each) => (each.topics < fewest.topics ? each : fewest));
    least.topics += 1;
    this.#byTopic.set(topic, least.connection);
    return least.connection;
  }
}
