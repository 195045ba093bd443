import { diag, DiagLogLevel } from '@opentelemetry/api';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Logger } from './logger.ts';
import { wantedTraceId } from './spans.ts';

/** At shutdown, the last spans get this long to reach the collector. */
const FLUSH_TIMEOUT_MS = 3_000;
/** Failures to send spans are logged at most this often. */
const LOG_EVERY_MS = 60_000;

/**
 * Sends the spans of this process to a collector over OTLP/HTTP. Without an endpoint, it does nothing. If the collector is
 * away, its spans are lost, and nothing else happens. Returns a function that sends the last spans, for at most three
 * seconds, and stops.
 */
export async function startTracing(
  { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: { OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined },
  service: string,
  logger: Logger,
): Promise<() => Promise<void>> {
  if (endpoint === undefined) return async () => undefined;
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ]);
  logFailures(logger);
  const url = new URL('v1/traces', endpoint.endsWith('/') ? endpoint : `${endpoint}/`).href;
  const random = new sdk.RandomIdGenerator();
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: service }),
    idGenerator: {
      generateTraceId: () => wantedTraceId() ?? random.generateTraceId(),
      generateSpanId: random.generateSpanId,
    },
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  provider.register();
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise((resolve) => (timer = setTimeout(resolve, FLUSH_TIMEOUT_MS)));
    await Promise.race([provider.shutdown().catch(() => undefined), timeout]);
    clearTimeout(timer);
  };
}

/** Sends the warnings of OpenTelemetry itself to the log. */
function logFailures(logger: Logger): void {
  let quietUntil = 0;
  const warn = (message: string) => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + LOG_EVERY_MS;
    logger.warn({ detail: message.slice(0, 500) }, 'could not send traces');
  };
  const ignore = () => undefined;
  const sink = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(sink, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
