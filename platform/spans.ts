import {
  context,
  createContextKey,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
} from '@opentelemetry/api';

// Spans of OpenTelemetry. Without `startTracing` (tracing.ts), all of this does nothing.

/** Settings of a span. Its parent is the current span, unless `headers` or `traceId` say otherwise. */
interface SpanSettings {
  kind?: SpanKind;
  attributes?: Attributes;
  /** Headers whose `traceparent` names the parent. Without a valid one, the span begins a new trace. */
  headers?: { traceparent?: string | undefined; tracestate?: string | undefined };
  /** The span begins a new trace with this id. */
  traceId?: string;
  /** The `traceparent` of a span that caused this one, without being its parent. */
  link?: string | undefined;
}

/** Runs `work` in a span. An error marks the span as failed, by its name only, because messages can hold secrets. */
export async function inSpan<Result>(
  name: string,
  settings: SpanSettings,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  const { kind, attributes, headers, traceId, link } = settings;
  const parent = headers ? extract(headers) : traceId === undefined ? context.active() : ROOT_CONTEXT;
  const links = link === undefined || link === traceparentOf(parent) ? [] : toLinks(link);
  const options = {
    links,
    ...(kind === undefined ? {} : { kind }),
    ...(attributes === undefined ? {} : { attributes }),
  };
  const start = () => trace.getTracer('durable-job-scheduler').startSpan(name, options, parent);
  const span = traceId === undefined ? start() : context.with(parent.setValue(TRACE_ID, traceId), start);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    failSpan(span, error instanceof Error ? error.name : typeof error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed. `type` is a short name for the kind of failure. */
export function failSpan(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** OpenTelemetry gives its id generator no arguments; only the context reaches it. */
const TRACE_ID = createContextKey('trace id');

/** The id for the trace of the span that is being started; undefined for a random one. For the id generator alone. */
export const wantedTraceId = (): string | undefined =>
  context.active().getValue(TRACE_ID) as string | undefined;

const extract = (headers: object): Context => propagation.extract(ROOT_CONTEXT, headers);

function toLinks(traceparent: string): Link[] {
  const linked = trace.getSpanContext(extract({ traceparent }));
  return linked ? [{ context: linked }] : [];
}

/** The id of the current trace; undefined if there is none. */
export function currentTraceId(): string | undefined {
  return spanContextOf(context.active())?.traceId;
}

/** The current span as a `traceparent` of W3C Trace Context; undefined if there is none. */
export const currentTraceparent = (): string | undefined => traceparentOf(context.active());

function traceparentOf(place: Context): string | undefined {
  const current = spanContextOf(place);
  if (!current) return undefined;
  return `00-${current.traceId}-${current.spanId}-${current.traceFlags.toString(16).padStart(2, '0')}`;
}

function spanContextOf(place: Context): SpanContext | undefined {
  const current = trace.getSpanContext(place);
  return current && isSpanContextValid(current) ? current : undefined;
}
