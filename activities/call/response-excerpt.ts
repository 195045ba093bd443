import { redact, redactEnd } from './redact.ts';
import { MAX_BODY_BYTES, type HttpResponse } from './exchange.ts';
import { decodeContent } from './decode-content.ts';
import { toStorable } from './redact.ts';

/**
 * The beginning of a response as text, with secrets redacted, decoded by its Content-Encoding and the
 * charset of its Content-Type. For a response that is no text, or cannot be decoded, words in
 * parentheses. Never throws.
 */
export async function excerptOf({ body, headers, fault }: HttpResponse, secrets: string[]): Promise<string> {
  if (body.length === 0) return '';
  const { mediaType, charset } = parseContentType(listOf(headers['content-type'])[0]);
  const isCut = body.length >= MAX_BODY_BYTES;
  const size = `${body.length.toLocaleString('en')} ${body.length === 1 ? 'byte' : 'bytes'}${isCut ? ' or more' : ''}`;
  const ofType = mediaType === undefined ? '' : ` of ${mediaType}`;
  const inWords = (words: string) => toStorable(`(${size}${words})`, secrets);
  if (mediaType !== undefined && BINARY_TYPE.test(mediaType) && !TEXT_TYPE.test(mediaType))
    return inWords(ofType);

  const decoded = await decodeContent(body, listOf(headers['content-encoding']).join());
  if ('fault' in decoded) return inWords(`${ofType}, ${decoded.fault}`);
  const { bytes } = decoded;
  const byMark = findByteOrderMark(bytes);
  const isText =
    charset !== undefined || byMark !== undefined || (mediaType !== undefined && TEXT_TYPE.test(mediaType));
  if (!isText && BINARY_BYTES.test(bytes.toString('latin1'))) return inWords(ofType || ' that are no text');

  const decode = findDecoder(byMark ?? charset ?? 'utf-8');
  if (!decode)
    return inWords(`${ofType} in the charset ${JSON.stringify(charset)}, which can't be read here`);
  const text = decode(redactBytes(bytes, secrets));
  // A body that is cut off may end in the middle of a secret.
  const isWhole = !isCut && !decoded.isCut && !fault;
  return toStorable(isWhole ? text : redactEnd(redact(text, secrets), secrets), secrets);
}

const TEXT_TYPE = /^text\/|[/+](x-)?(json|xml|yaml|javascript)$|\/x-www-form-urlencoded$/;
const BINARY_TYPE = /^(image|audio|video|font)\//;
/** A body of unknown type that holds one of these is no text (MIME Sniffing Standard, "binary data byte"). */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const BINARY_BYTES = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;

const listOf = (header: string | string[] | undefined) => (header === undefined ? [] : [header].flat());

/** The media type and the charset of a Content-Type, in lower case; undefined if it has none. */
function parseContentType(header = ''): { mediaType: string | undefined; charset: string | undefined } {
  const [essence = '', ...parameters] = header.toLowerCase().split(';');
  const charsets = parameters.flatMap(
    (parameter) => /^\s*charset\s*=\s*["']?([^\s"']{1,40})/.exec(parameter)?.[1] ?? [],
  );
  return {
    mediaType: /^\s*([\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100})\s*$/.exec(essence)?.[1],
    charset: charsets[0],
  };
}

/** The charset of a byte order mark, which takes precedence over a header (Encoding Standard, "decode"). */
function findByteOrderMark(bytes: Buffer): string | undefined {
  const mark = bytes.toString('hex', 0, 3);
  if (mark === 'efbbbf') return 'utf-8';
  if (mark.startsWith('feff')) return 'utf-16be';
  return mark.startsWith('fffe') ? 'utf-16le' : undefined;
}

/** The decoder for a label of the Encoding Standard; undefined for an unknown label. */
function findDecoder(label: string): ((bytes: Buffer) => string) | undefined {
  try {
    const decoder = new TextDecoder(label);
    // The labels of ISO 8859-1 mean windows-1252, too. Node 20 decodes it as ISO 8859-1, which differs
    // from 80 to 9F.
    if (decoder.encoding === 'windows-1252')
      return (bytes) =>
        bytes
          .toString('latin1')
          .replace(/[\x80-\x9f]/g, (byte) => WINDOWS_1252_FROM_80[byte.charCodeAt(0) - 0x80] as string);
    return (bytes) => decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const WINDOWS_1252_FROM_80 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9dž\u0178';

/**
 * Redacts secrets that the target sends back byte by byte, even if the charset is wrong and shows them
 * in other characters.
 */
const redactBytes = (bytes: Buffer, secrets: string[]) =>
  secrets.length === 0 ? bytes : Buffer.from(redact(bytes.toString('latin1'), secrets), 'latin1');
