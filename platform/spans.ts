import {
  context,
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

// Spans, as the rest of the code makes them. Without platform/tracing.ts having been started, all of this does nothing.

/** What a span is, and where it belongs; without a parent, a trace id or headers, to the span that it is made in. */
interface SpanSettings {
  kind?: SpanKind;
  attributes?: Attributes;
  /** Headers of which `traceparent` names the parent; without a valid one, a trace begins. */
  headers?: { traceparent?: string | undefined; tracestate?: string | undefined };
  /** The id of the trace that begins with this span. */
  traceId?: string;
  /** A `traceparent` of what this comes from, without being a part of it. */
  link?: string | undefined;
}

/** Does something within a span, which ends with it. What it throws makes the span a failed one; the message stays out of it. */
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
  nextTraceId = traceId;
  const span = trace.getTracer('durable-job-scheduler').startSpan(name, options, parent);
  nextTraceId = undefined;
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    failSpan(span, error instanceof Error ? error.name : typeof error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks a span as failed, with a short name for the kind of failure. */
export function failSpan(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** For how long a span is being started, which happens at once: the id that its trace is to have. */
let nextTraceId: string | undefined;

/** The id that the trace that is about to begin is to have, if that is not a matter of chance. */
export const wantedTraceId = (): string | undefined => nextTraceId;

const extract = (headers: object): Context => propagation.extract(ROOT_CONTEXT, headers);

function toLinks(traceparent: string): Link[] {
  const linked = trace.getSpanContext(extract({ traceparent }));
  return linked ? [{ context: linked }] : [];
}

/** The id of the trace that this is done in; undefined if there is none. */
export function currentTraceId(): string | undefined {
  return spanContextOf(context.active())?.traceId;
}

/** The span that this is done in, as W3C Trace Context writes it; undefined if there is none. */
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
