import { describe, expect, it } from '@jest/globals';
import { TidemarkError } from '@tidemark/runtime';
import {
  isAccessDenied,
  isRejoinNeeded,
  isTooLarge,
  isTopicMissing,
  kafkaErrorType,
  publishFailed,
  topicDenied,
} from './kafka-error.js';

const typed = (type: string): Error => Object.assign(new Error(type), { type });
const wrapped = (cause: unknown): Error => new Error('outer', { cause: new Error('inner', { cause }) });

describe('kafkaErrorType', () => {
  it('finds the name however deep it lies', () => {
    expect(kafkaErrorType(wrapped(typed('NOT_CONTROLLER')))).toBe('NOT_CONTROLLER');
    const aggregate = Object.assign(new Error('many'), { errors: [new Error('none'), typed('INVALID_TOPIC')] });
    expect(kafkaErrorType(aggregate)).toBe('INVALID_TOPIC');
    expect(kafkaErrorType(new Error('none'))).toBeUndefined();
    expect(kafkaErrorType('text')).toBeUndefined();
  });

  it('ends with causes that go in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(kafkaErrorType(error)).toBeUndefined();
  });
});

describe('what an error means', () => {
  it('tells kinds apart', () => {
    expect(isTopicMissing(wrapped(typed('UNKNOWN_TOPIC_OR_PARTITION')))).toBe(true);
    expect(isAccessDenied(typed('TOPIC_AUTHORIZATION_FAILED'))).toBe(true);
    expect(isTooLarge(typed('MESSAGE_TOO_LARGE'))).toBe(true);
    expect(isRejoinNeeded(typed('UNKNOWN_MEMBER_ID'))).toBe(true);
    for (const is of [isTopicMissing, isAccessDenied, isTooLarge, isRejoinNeeded])
      expect(is(typed('NETWORK_EXCEPTION'))).toBe(false);
  });

  it('says whether a publish may succeed later', () => {
    expect(publishFailed('t', typed('NETWORK_EXCEPTION'))).toMatchObject({ code: 'PUBLISH_FAILED', retriable: true });
    expect(publishFailed('t', typed('MESSAGE_TOO_LARGE'))).toMatchObject({ code: 'PUBLISH_FAILED', retriable: false });
    expect(publishFailed('t', typed('TOPIC_AUTHORIZATION_FAILED'))).toMatchObject({
      code: 'ACCESS_DENIED',
      retriable: false,
    });
  });

  it('names the topic that may not be touched, and the option for which a publish could not begin', () => {
    expect(topicDenied('t', typed('TOPIC_AUTHORIZATION_FAILED'))).toMatchObject({
      code: 'ACCESS_DENIED',
      retriable: false,
      context: { topic: 't', type: 'TOPIC_AUTHORIZATION_FAILED' },
    });
    const login = new TidemarkError('ACCESS_DENIED', 'kafka.sasl: refused', {
      retriable: false,
      context: { field: 'sasl' },
    });
    const failed = publishFailed('t', login);
    expect(failed).toMatchObject({ code: 'PUBLISH_FAILED', retriable: true, context: { topic: 't', field: 'sasl' } });
    expect(failed.message).toContain('kafka.sasl: refused');
  });
});
