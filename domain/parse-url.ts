/**
 * Parses a URL, relative to `base` if it is given; undefined if it is not one. Pure. Do not use `URL.canParse`: once Node 20
 * has optimized a function that calls it, it refuses every text with characters from U+0080 to U+00FF.
 */
export function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
