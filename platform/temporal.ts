import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Config } from './config.ts';

/** Address, TLS, client certificate and API key of Temporal, for clients and workers. */
export function temporalConnectionOptions(config: Config) {
  const certificate =
    config.TEMPORAL_TLS_CERT_FILE && config.TEMPORAL_TLS_KEY_FILE
      ? { clientCertPair: { crt: config.TEMPORAL_TLS_CERT_FILE, key: config.TEMPORAL_TLS_KEY_FILE } }
      : {};
  const authority = config.TEMPORAL_TLS_CA_FILE
    ? { serverRootCACertificate: config.TEMPORAL_TLS_CA_FILE }
    : {};
  const wantsTls =
    config.TEMPORAL_TLS ||
    config.TEMPORAL_API_KEY !== undefined ||
    'clientCertPair' in certificate ||
    'serverRootCACertificate' in authority;
  return {
    address: config.TEMPORAL_ADDRESS,
    ...(wantsTls ? { tls: { ...certificate, ...authority } } : {}),
    ...(config.TEMPORAL_API_KEY ? { apiKey: config.TEMPORAL_API_KEY } : {}),
  } satisfies ConnectionOptions;
}

/**
 * A server that has gone silent is left within 14 s: pings find it, even without calls. Temporal closes connections that
 * ping more often than every ten seconds (`frontend.keepAliveMinTime`).
 */
const KEEP_ALIVE = {
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.keepalive_time_ms': 10 * SECOND_MS,
  'grpc.keepalive_timeout_ms': 4 * SECOND_MS,
};

/** Deadline of a call to Temporal that has none of its own. */
export const CALL_DEADLINE_MS = 5_000;

/** Without a deadline, a call to a server that accepts it and never answers would wait forever. */
const withDeadline: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall({ ...options, deadline: options.deadline ?? Date.now() + CALL_DEADLINE_MS }));

/** A Temporal client whose calls all have a deadline. It connects with the first call, and reconnects by itself. */
export function createTemporalClient(config: Config): Client {
  const connection = Connection.lazy({
    ...temporalConnectionOptions(config),
    connectTimeout: 5_000,
    interceptors: [withDeadline, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
    channelArgs: {
      ...KEEP_ALIVE,
      // The default backoff grows to two minutes, for which the client would not see that Temporal is back.
      'grpc.initial_reconnect_backoff_ms': 500,
      'grpc.max_reconnect_backoff_ms': 2_000,
      // The default is the proxy of the lower-case variables, which is meant for targets. Workers do not use it either.
      'grpc.enable_http_proxy': 0,
    },
  });
  return new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
}
