// Asking a broker who is in the cluster, by hand: enough of the protocol to know that clients can begin.
import net from 'node:net';

const apiVersionsKey = 18;
const metadataKey = 3;
const metadataVersion = 4;

/**
 * Resolves to the ids of the brokers that this one knows to be alive, and where it sends this port's clients for them, or undefined while it cannot say.
 * @param {number} port on 127.0.0.1
 * @param {number} [timeoutMs] default 1000 ms
 * @returns {Promise<{ brokers: number[], addresses: string[], controller: number } | undefined>}
 */
export async function askCluster(port, timeoutMs = 1000) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.setTimeout(timeoutMs, () => socket.destroy());
  try {
    const answers = readAnswers(socket);
    socket.write(request(apiVersionsKey, 0, Buffer.alloc(0)));
    const versions = (await answers.next()).value;
    if (versions === undefined || versions.readInt16BE(4) !== 0) return undefined;
    // No topics (an empty array), and none to be created.
    socket.write(request(metadataKey, metadataVersion, Buffer.from([0, 0, 0, 0, 0])));
    const metadata = (await answers.next()).value;
    return metadata === undefined ? undefined : readMetadata(metadata);
  } catch {
    // Not listening yet, or gone in the middle: the caller asks again.
    return undefined;
  } finally {
    socket.destroy();
  }
}

/**
 * @param {number} key
 * @param {number} version
 * @param {Buffer} body
 */
function request(key, version, body) {
  const client = 'tidemark';
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + client.length + body.length, 0);
  header.writeInt16BE(key, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(key, 8);
  header.writeInt16BE(client.length, 12);
  return Buffer.concat([header, Buffer.from(client), body]);
}

/**
 * Cuts the stream into answers, each without its length.
 * @param {net.Socket} socket
 * @returns {AsyncGenerator<Buffer, undefined>}
 */
async function* readAnswers(socket) {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0);
      yield bytes.subarray(4, end);
      bytes = bytes.subarray(end);
    }
  }
  return undefined;
}

/**
 * Metadata version 4: correlation id, throttle time, brokers (id, host, port, rack), cluster id, controller.
 * @param {Buffer} answer
 */
function readMetadata(answer) {
  let at = 8;
  const int32 = () => answer.readInt32BE((at += 4) - 4);
  const string = () => {
    const length = Math.max(0, answer.readInt16BE(at));
    at += 2 + length;
    return answer.toString('utf8', at - length, at);
  };
  const brokers = [];
  for (let left = int32(); left > 0; left -= 1) {
    const [id, host, port] = [int32(), string(), int32()];
    brokers.push({ id, address: `${host}:${port}` });
    string();
  }
  string();
  brokers.sort((a, b) => a.id - b.id);
  return {
    brokers: brokers.map(({ id }) => id),
    addresses: brokers.map(({ address }) => address),
    controller: int32(),
  };
}
