import { Readable } from 'node:stream';
import { NodeHttp2Handler } from '@smithy/node-http-handler';

type Handle = NodeHttp2Handler['handle'];

/**
 * HTTP/2 with a connection of its own for every request, which ends with the answer. The SDK's own way of doing that, for streams of events, closes the session
 * behind each answer as it begins; such a session cannot be pinged any more.
 */
export class OwnConnectionHandler extends NodeHttp2Handler {
  override async handle(...[request, options]: Parameters<Handle>): ReturnType<Handle> {
    const connection = new NodeHttp2Handler();
    try {
      const result = await connection.handle(request, { ...options, isEventStream: false });
      const { body } = result.response as { readonly body: unknown };
      if (body instanceof Readable) body.once('close', () => connection.destroy());
      return result;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }
}
