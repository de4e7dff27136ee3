'use strict';
/*
 * kinesis-local in a worker thread. Loading it starts it, and it knows no way to stop but the end of its thread. It wants two ports, one
 * of them for TLS, and opens them to the whole network; here each becomes a free port of the loopback address, and the parent is told the plain one.
 *
 * CommonJS, because it must say where it is: anywhere but in that thread, this file starts nothing.
 */
const net = require('node:net');
const { join } = require('node:path');
const { parentPort, workerData } = require('node:worker_threads');

exports.workerFile = join(__dirname, 'kinesis-local-worker.cjs');

const plainPort = 2;

if (workerData?.startsKinesisLocal === true) {
  listenOnLoopback();
  Object.assign(process.env, {
    KINESIS_MOCK_PLAIN_PORT: String(plainPort),
    KINESIS_MOCK_TLS_PORT: '1',
    KINESIS_MOCK_CERT_PATH: require.resolve('kinesis-local/server.json'),
    SHARD_LIMIT: '1000',
    LOG_LEVEL: 'ERROR',
    ...Object.fromEntries(
      [
        'CREATE_STREAM',
        'DELETE_STREAM',
        'SPLIT_SHARD',
        'MERGE_SHARDS',
        'UPDATE_SHARD_COUNT',
        'UPDATE_STREAM_MODE',
        'REGISTER_STREAM_CONSUMER',
        'DEREGISTER_STREAM_CONSUMER',
        'START_STREAM_ENCRYPTION',
        'STOP_STREAM_ENCRYPTION',
      ].map((operation) => [`${operation}_DURATION`, '1ms']),
    ),
  });
  require('kinesis-local');
}

function listenOnLoopback() {
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (wanted, ...others) {
    const onListening = others.find((other) => typeof other === 'function');
    return listen.call(this, 0, '127.0.0.1', () => {
      if (wanted === plainPort) parentPort.postMessage(this.address().port);
      onListening?.();
    });
  };
}
