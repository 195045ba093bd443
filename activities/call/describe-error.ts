import { types } from 'node:util';

/** Characters of a message from outside. */
const MAX_MESSAGE_LENGTH = 200;

/** Makes a text one short line. */
const toLine = (text: string) =>
  text
    // eslint-disable-next-line no-control-regex -- a target can send any character
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
    .slice(0, MAX_MESSAGE_LENGTH);

type Details = Error & {
  code?: unknown;
  address?: unknown;
  port?: unknown;
  hostname?: unknown;
  reason?: unknown;
};

// Not instanceof: Node's own errors can come from another realm.
const isError = (error: unknown): error is Details => types.isNativeError(error);

/**
 * Errors of the system and of Node's resolver. The message shows the code too, because people search
 * for it.
 */
const BY_SYSTEM_CODE: Record<string, (where: string) => string> = {
  ECONNREFUSED: (where) => `the connection${where} was refused`,
  ECONNRESET: () => 'the target closed or reset the connection before its answer was complete',
  ECONNABORTED: () => 'the connection was aborted',
  EPIPE: () => 'the target closed the connection while the request was being sent',
  ETIMEDOUT: (where) => `nothing answered the connection${where}`,
  EHOSTUNREACH: (where) => `no route leads to the host${where}`,
  EHOSTDOWN: (where) => `the host is down${where}`,
  ENETUNREACH: (where) => `no route leads to the network${where}`,
  ENETDOWN: () => 'the network of the worker is down',
  EADDRNOTAVAIL: (where) => `the worker has no address or port left for a connection${where}`,
  EACCES: (where) => `the worker's system forbids a connection${where}`,
  EPERM: (where) => `the worker's system forbids a connection${where}`,
  EMFILE: () => 'the worker has too many open files and connections',
  ENFILE: () => "the worker's system has too many open files and connections",
  ENOTFOUND: (where) => `the name${where} is unknown to DNS`,
  ENODATA: (where) => `the name${where} has no address in DNS`,
  EAI_AGAIN: (where) => `the name${where} could not be resolved, for no name server answered`,
  EAI_FAIL: (where) => `the name${where} could not be resolved`,
};

const NO_HTTP = 'the target does not answer in HTTP/1.1';

/** Errors of Node's HTTP parser. */
const BY_PARSER_CODE: Record<string, string> = {
  HPE_INVALID_CONSTANT: NO_HTTP,
  HPE_INVALID_VERSION: 'the answer has another version of HTTP than 1.0 or 1.1',
  HPE_INVALID_STATUS: 'the status line of the answer is not valid HTTP',
  HPE_INVALID_HEADER_TOKEN: 'a header of the answer is not valid HTTP',
  HPE_INVALID_CONTENT_LENGTH: 'the Content-Length of the answer is not valid HTTP',
  HPE_UNEXPECTED_CONTENT_LENGTH:
    'the answer gives its length more than once (a second Content-Length, or one beside Transfer-Encoding)',
  HPE_INVALID_TRANSFER_ENCODING: 'the Transfer-Encoding of the answer is not valid HTTP',
  HPE_INVALID_CHUNK_SIZE: 'the body of the answer is not made of valid HTTP chunks',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'the chunks of the answer have more than 16 KiB of extensions',
  HPE_HEADER_OVERFLOW: 'the answer has more than 256 KiB of headers',
  HPE_CR_EXPECTED: 'a line of the answer does not end as HTTP demands',
  HPE_LF_EXPECTED: 'a line of the answer does not end as HTTP demands',
  HPE_INVALID_EOF_STATE: 'the connection was closed in the middle of the answer',
  HPE_CLOSED_CONNECTION: 'the target sends more than one answer',
};

/** Errors of OpenSSL, by a part of its message. */
const BY_OPENSSL_REASON: [RegExp, string][] = [
  [/wrong version number|unknown protocol|http request/, 'the target does not speak TLS at this port'],
  [
    /no application protocol/,
    'the target refuses HTTP/1.1 over TLS (ALPN); it must speak it, also if it speaks HTTP/2',
  ],
  [
    /unsupported protocol|alert protocol version|version too low/,
    'the target does not speak TLS 1.2 or a later version',
  ],
  [/handshake failure|no shared cipher/, 'TLS found no method that both sides know'],
  [
    /certificate required|alert bad certificate|alert unknown ca/,
    'the target asks for a certificate of the caller, or does not accept one',
  ],
  [/unrecognized name/, 'the server at this address does not know the name of the target'],
  [/unexpected eof/, 'the target closed the connection in the middle of TLS'],
  [/(dh|ee|ca) key too small|md too weak/, 'the key or certificate of the target is too weak for TLS'],
];

/** X.509 codes, for which OpenSSL's own words are clear. */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+)$/;
const CERTIFICATE =
  /^(CERT_[A-Z_]+|CRL_[A-Z_]+|ERROR_IN_CERT_[A-Z_]+|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME_[A-Z]+)$/;

/** Describes in one line why a call failed, for any thrown value. Pure. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError)
    return [...new Set(error.errors.slice(0, 4).map((inner) => describeError(inner)))].join('; ');
  if (!isError(error)) return toLine(String(error));
  const { code, reason, message } = error;
  if (error.name === 'AbortError') return 'the call was broken off';
  if (typeof code !== 'string') return toLine(message) || 'the call failed';

  const systemWords = BY_SYSTEM_CODE[code];
  if (systemWords) return `${systemWords(placeOf(error))} (${code})`;
  if (code.startsWith('HPE_')) return BY_PARSER_CODE[code] ?? 'the answer is not valid HTTP/1.1';
  if (UNTRUSTED.test(code))
    return `the certificate of the target is not trusted: ${toLine(message)} (${code})`;
  if (CERTIFICATE.test(code))
    return `the certificate of the target is not valid: ${toLine(message)} (${code})`;
  const openSsl = typeof reason === 'string' ? reason : /SSL routines:[^:]*:([^:\n]+)/.exec(message)?.[1];
  if (code.startsWith('ERR_SSL_') || openSsl !== undefined) {
    const said = toLine(openSsl ?? code.slice('ERR_SSL_'.length).toLowerCase().replaceAll('_', ' '));
    return BY_OPENSSL_REASON.find(([pattern]) => pattern.test(said))?.[1] ?? `TLS failed: ${said}`;
  }
  return `${toLine(message) || 'the call failed'} (${toLine(code)})`;
}

/** The address or the name of a failed connection, for a message. */
function placeOf({ address, port, hostname }: Details): string {
  if (typeof hostname === 'string') return ` ${toLine(hostname).slice(0, 100)}`;
  if (typeof address !== 'string') return '';
  const shown = address.includes(':') ? `[${address}]` : address;
  return ` to ${shown}${typeof port === 'number' ? `:${port}` : ''}`;
}
