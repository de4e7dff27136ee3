// What the routing topic and the pods topic say, record by record, for whoever judges moves; by kafkajs alone.
import { randomUUID } from 'node:crypto';
import { decodePodReport, decodeRoute } from '@tidemark/protocol';
import { Kafka, logLevel } from 'kafkajs';

/** @typedef {import('./move-check.mjs').RouteSeen} RouteSeen */
/** @typedef {import('./move-check.mjs').ReportSeen} ReportSeen */

export class RouteWatch {
  /** Versions of the table's route, each once. @type {RouteSeen[]} */
  routes = [];
  /** @type {ReportSeen[]} */
  reports = [];
  #consumer;
  #table;

  /** @param {{ readonly brokers: readonly string[], readonly table: string }} options */
  constructor({ brokers, table }) {
    const kafka = new Kafka({ brokers: [...brokers], clientId: 'measure', logLevel: logLevel.NOTHING });
    this.#consumer = kafka.consumer({
      groupId: `measure-${randomUUID()}`,
      maxWaitTimeInMs: 100,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8, restartOnFailure: async () => true },
    });
    this.#table = table;
  }

  /** @param {import('@tidemark/protocol').TopicNames} names both topics exist */
  async open({ routes, pods }) {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [routes, pods], fromBeginning: true });
    await this.#consumer.run({
      eachMessage: async ({ topic, message: { value, timestamp } }) => {
        if (topic === routes) this.#route(value, Number(timestamp));
        else this.#report(value, Number(timestamp));
      },
    });
  }

  close() {
    return this.#consumer.disconnect();
  }

  /** Pods whose last report says that they follow this topic alone. @param {string} topic */
  followersOf(topic) {
    const last = new Map(this.reports.map((report) => [report.pod, report]));
    return [...last.values()].filter(
      ({ leaving, topics }) => !leaving && topics.length > 0 && topics.every((followed) => followed === topic),
    ).length;
  }

  /** @param {Buffer | null} value @param {number} atMs */
  #route(value, atMs) {
    const decoded = decodeRoute(value);
    if (!decoded.ok || decoded.route.table !== this.#table) return;
    const { version, topics, move } = decoded.route;
    // One that was written again, as a new writer does, says nothing new.
    if (version > (this.routes.at(-1)?.version ?? 0)) this.routes.push({ version, topics, move, atMs });
  }

  /** @param {Buffer | null} value @param {number} atMs */
  #report(value, atMs) {
    const decoded = decodePodReport(value);
    if (!decoded.ok) return;
    const { pod, leaving, tables } = decoded.report;
    this.reports.push({ pod, atMs, leaving, topics: tables[this.#table]?.topics ?? [] });
  }
}
