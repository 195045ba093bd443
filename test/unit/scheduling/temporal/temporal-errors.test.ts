import { expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { ScheduleNotFoundError, ServiceError } from '@temporalio/client';
import {
  describeRefusal,
  isUnreachable,
  classifyTemporalError,
} from '../../../../scheduling/temporal/temporal-errors.ts';

const answered = (code: status, details = '') =>
  new ServiceError('Failed to create schedule', {
    cause: Object.assign(new Error(), { code, details, metadata: {} }),
  });

test.each([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED])(
  'an answer with gRPC status %s says that Temporal is away',
  (code) => expect(isUnreachable(answered(code))).toBe(true),
);

test.each([status.NOT_FOUND, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.PERMISSION_DENIED])(
  'an answer with gRPC status %s is an answer',
  (code) => expect(isUnreachable(answered(code))).toBe(false),
);

test('other errors do not mean that Temporal is unreachable', () =>
  expect(isUnreachable(new TypeError('x'))).toBe(false));

test('an error tells whether Temporal is away, has answered, or neither', () => {
  expect(classifyTemporalError(answered(status.UNAVAILABLE))).toBe('away');
  expect(classifyTemporalError(answered(status.INVALID_ARGUMENT))).toBe('answered');
  expect(classifyTemporalError(new Error('x', { cause: answered(status.NOT_FOUND) }))).toBe('answered');
  expect(classifyTemporalError(new ScheduleNotFoundError('gone', 'id'))).toBe('answered');
  expect(classifyTemporalError(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toBe(
    'unknown',
  );
});

test.each([
  [
    'Invalid schedule spec: unknown time zone',
    'Temporal refuses it: Invalid schedule spec: unknown time zone',
  ],
  ['rpc error: code = InvalidArgument desc = Too long.', 'Temporal refuses it: Too long'],
  ['first\n    at second\tthird', 'Temporal refuses it: first at second third'],
  ['', 'Temporal refuses it without saying why (INVALID_ARGUMENT)'],
  ['x'.repeat(10_000), `Temporal refuses it: ${'x'.repeat(500)}…`],
])('what Temporal says of %#, in words', (details, words) => {
  const error = answered(status.INVALID_ARGUMENT, details);
  expect(describeRefusal(error)).toBe(words);
  expect(describeRefusal(new Error('outer', { cause: error }))).toBe(words);
});

test('an error that is no answer of Temporal is described as such', () =>
  expect(describeRefusal(new Error('the schedule did not take generation 2'))).toBe(
    'it could not be brought to Temporal: the schedule did not take generation 2',
  ));
