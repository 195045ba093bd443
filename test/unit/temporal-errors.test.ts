import { expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { ScheduleNotFoundError, ServiceError } from '@temporalio/client';
import { isUnreachable, judgeTemporal } from '../../scheduling/temporal-errors.ts';

const answered = (code: status) =>
  new ServiceError('failed', { cause: Object.assign(new Error(), { code, details: '', metadata: {} }) });

test.each([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED])(
  'an answer with gRPC status %s says that Temporal is away',
  (code) => expect(isUnreachable(answered(code))).toBe(true),
);

test.each([status.NOT_FOUND, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.PERMISSION_DENIED])(
  'an answer with gRPC status %s is an answer',
  (code) => expect(isUnreachable(answered(code))).toBe(false),
);

test('other errors are not taken for it', () => expect(isUnreachable(new TypeError('x'))).toBe(false));

test('what an error says of Temporal', () => {
  expect(judgeTemporal(answered(status.UNAVAILABLE))).toBe('away');
  expect(judgeTemporal(answered(status.INVALID_ARGUMENT))).toBe('answered');
  expect(judgeTemporal(new Error('x', { cause: answered(status.NOT_FOUND) }))).toBe('answered');
  expect(judgeTemporal(new ScheduleNotFoundError('gone', 'id'))).toBe('answered');
  expect(judgeTemporal(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toBe('unknown');
});
