import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import type { Config } from './config.ts';

/** How to reach Temporal: address, TLS, client certificate or API key. For clients and workers alike. */
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

/** A call to Temporal that nobody has given a deadline is given up after this time. */
export const CALL_DEADLINE_MS = 5_000;

/** Without a deadline a call waits for ever, if the server takes it and never answers. */
const withDeadline: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall({ ...options, deadline: options.deadline ?? Date.now() + CALL_DEADLINE_MS }));

/** A Temporal client whose every call has a deadline. It connects with its first call, and again by itself after an outage. */
export function createTemporalClient(config: Config): Client {
  const connection = Connection.lazy({
    ...temporalConnectionOptions(config),
    connectTimeout: 5_000,
    interceptors: [withDeadline, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
    // By default the pauses between two attempts grow to two minutes: so long nobody would see that Temporal is back.
    // And by default this client, unlike that of workers, would go through the proxy that variables in lower case name, which
    // is one for targets.
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': 500,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.enable_http_proxy': 0,
    },
  });
  return new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
}
