import { diag, DiagLogLevel } from '@opentelemetry/api';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Logger } from './logger.ts';
import { wantedTraceId } from './spans.ts';

/** At the end of a process, a collector has so long to take what is left. */
const FLUSH_MS = 3_000;
/** That a collector can not be reached is said no more often than this. */
const COMPLAIN_EVERY_MS = 60_000;

/**
 * Sends the spans of this process to a collector, over OTLP/HTTP; without an endpoint, nothing is loaded and nothing sent.
 * A collector that is away costs the spans, and nothing else. Answers how to stop: what is left is sent, for three
 * seconds at most.
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
  complainTo(logger);
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
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
    await Promise.race([provider.shutdown().catch(() => undefined), patience]);
    clearTimeout(timer);
  };
}

/** Has OpenTelemetry's own troubles stand in our log. */
function complainTo(logger: Logger): void {
  let quietUntil = 0;
  const complain = (message: string) => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + COMPLAIN_EVERY_MS;
    logger.warn({ detail: message.slice(0, 500) }, 'could not send traces');
  };
  const nothing = () => undefined;
  const sink = { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(sink, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
