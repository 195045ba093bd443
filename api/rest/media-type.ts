const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const TYPE = new RegExp(String.raw`[ \t]*(${TOKEN}/${TOKEN})`, 'y');
// Nothing may stand between two semicolons.
const PARAMETER = new RegExp(String.raw`[ \t]*;[ \t]*(?:(${TOKEN})=(${TOKEN}|${QUOTED}))?`, 'y');

/** A Content-Type: the type in lower case, and its parameters in order, their names in lower case. */
export interface MediaType {
  type: string;
  parameters: { name: string; value: string }[];
}

/** Reads a Content-Type (RFC 9110, 8.3.1 and 5.6.6); undefined for what is none. Pure. */
export function parseMediaType(header: string): MediaType | undefined {
  TYPE.lastIndex = 0;
  const type = TYPE.exec(header)?.[1];
  if (type === undefined) return undefined;
  const parameters: MediaType['parameters'] = [];
  let end = TYPE.lastIndex;
  for (;;) {
    PARAMETER.lastIndex = end;
    const found = PARAMETER.exec(header);
    if (!found) break;
    end = PARAMETER.lastIndex;
    const [, name, value = ''] = found;
    if (name !== undefined) parameters.push({ name: name.toLowerCase(), value: unquote(value) });
  }
  return /^[ \t]*$/.test(header.slice(end)) ? { type: type.toLowerCase(), parameters } : undefined;
}

const unquote = (value: string) =>
  value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
