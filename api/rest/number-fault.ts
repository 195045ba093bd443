/** No double needs more characters. The limit bounds the time of the check. */
const MAX_LENGTH = 100;
/** A double keeps 15 significant digits (IEEE 754), so a literal of this length is always exact. */
const ALWAYS_EXACT = 15;
/** Smaller doubles (subnormal ones) keep fewer digits. */
const SMALLEST_NORMAL = 2.2250738585072014e-308;
/** Significant digits that identify any double (IEEE 754: 17). */
const DIGITS_OF_A_DOUBLE = 17;

/** Explains why JavaScript would change a number of a JSON text; undefined if it would not. Pure. */
export function findNumberFault(literal: string): string | undefined {
  const value = Number(literal);
  if (!Number.isFinite(value))
    return `${shorten(literal)} is out of range; numbers reach up to 1.79e308. Send it as a text`;
  if (literal.length <= ALWAYS_EXACT && Math.abs(value) >= SMALLEST_NORMAL) return undefined;
  const written = JSON.stringify(value);
  if (written === literal) return undefined;
  if (literal.length > MAX_LENGTH)
    return `a number of ${literal.length} characters is too long, at most ${MAX_LENGTH} are read; send it as a text`;
  const sent = normalize(literal);
  const kept = sent === normalize(written);
  // Some languages write all 17 digits of a double, such as 0.10000000000000001, which is the same double as 0.1.
  const isSameDouble = !Number.isInteger(value) && sent === normalize(value.toPrecision(DIGITS_OF_A_DOUBLE));
  if (kept || isSameDouble) return undefined;
  return `${shorten(literal)} would be rounded to ${written}; send it as a text`;
}

const shorten = (literal: string) => (literal.length > 40 ? `${literal.slice(0, 40)}…` : literal);

/** A number in a canonical form: its digits without leading and trailing zeros, and the exponent of the last digit. */
function normalize(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${power}`;
}
