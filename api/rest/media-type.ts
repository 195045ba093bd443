const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = String.raw`"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const TYPE = new RegExp(String.raw`^[ \t]*(${TOKEN}/${TOKEN})`);
// The RFC allows a semicolon without a parameter.
const PARAMETER = new RegExp(String.raw`^[ \t]*;[ \t]*(?:(${TOKEN})=(${TOKEN}|${QUOTED}))?`);

/** A media type. The type and the names of parameters are in lower case. */
export interface MediaType {
  type: string;
  parameters: { name: string; value: string }[];
}

/** Parses a Content-Type (RFC 9110, 8.3.1 and 5.6.6); undefined if it is malformed. Pure. */
export function parseMediaType(header: string): MediaType | undefined {
  const [start, type] = TYPE.exec(header) ?? [];
  if (start === undefined || type === undefined) return undefined;
  const parameters: MediaType['parameters'] = [];
  let rest = header.slice(start.length);
  for (let found = PARAMETER.exec(rest); found; found = PARAMETER.exec(rest)) {
    const [parameter, name, value = ''] = found;
    if (name !== undefined) parameters.push({ name: name.toLowerCase(), value: unquote(value) });
    rest = rest.slice(parameter.length);
  }
  return /^[ \t]*$/.test(rest) ? { type: type.toLowerCase(), parameters } : undefined;
}

const unquote = (value: string) =>
  value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
