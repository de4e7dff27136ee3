export { eventMessage, type Pushing, PushServer, type SubscribeRequest } from './push-server.js';
