import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/**
 * Temporal's own conversion of values, but for what it can not read: the result or the failure of a user's workflow in
 * another language may be in an encoding that is not known here. Failing on it would fail the step of the workflow that
 * receives it, for ever; so a note takes its place.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <Value>(payload: Payload): Value => {
    try {
      return defaultPayloadConverter.fromPayload<Value>(payload);
    } catch {
      return UNREADABLE as Value;
    }
  },
};

const UNREADABLE = '(a value in an encoding that is not known here)';
