/** No double needs more, and the time that a number takes is bounded by it. */
const LONGEST_NUMBER = 100;
/** So many significant digits are always kept (IEEE 754: 15), so a literal of this length is, sign and point included. */
const ALWAYS_EXACT = 15;
/** Below it a double has fewer digits. */
const SMALLEST_NORMAL = 2.2250738585072014e-308;
/** So many significant digits tell every double from its neighbours (IEEE 754: 17 decimal digits). */
const DIGITS_OF_A_DOUBLE = 17;

/** Says why a number of a JSON text would arrive as another one; undefined if it is kept. Pure. */
export function findNumberFault(literal: string): string | undefined {
  const value = Number(literal);
  if (!Number.isFinite(value))
    return `${shorten(literal)} is out of range; numbers reach up to 1.79e308. Send it as a text`;
  if (literal.length <= ALWAYS_EXACT && Math.abs(value) >= SMALLEST_NORMAL) return undefined;
  const written = JSON.stringify(value);
  if (written === literal) return undefined;
  if (literal.length > LONGEST_NUMBER)
    return `a number of ${literal.length} characters is too long, at most ${LONGEST_NUMBER} are read; send it as a text`;
  const sent = normalize(literal);
  const kept = sent === normalize(written);
  // Some languages write all 17 digits of a double, such as 0.10000000000000001: it is the same double.
  const isSameDouble = !Number.isInteger(value) && sent === normalize(value.toPrecision(DIGITS_OF_A_DOUBLE));
  if (kept || isSameDouble) return undefined;
  return `${shorten(literal)} would be rounded to ${written}; send it as a text`;
}

const shorten = (literal: string) => (literal.length > 40 ? `${literal.slice(0, 40)}…` : literal);

/** A decimal number in one way of writing: its digits without zeros at the ends, and the exponent of the last one. */
function normalize(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${power}`;
}
