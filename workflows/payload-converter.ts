import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/**
 * Temporal's default conversion, except that a note replaces a value that cannot be decoded. The result
 * of a user's workflow in another language may have an unknown encoding. An error here would fail the
 * workflow task that receives it again and again.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <Value>(payload: Payload): Value => {
    try {
      return defaultPayloadConverter.fromPayload<Value>(payload);
    } catch {
      return UNDECODABLE as Value;
    }
  },
};

const UNDECODABLE = '(a value in an encoding that is not known here)';
