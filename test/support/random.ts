/** Reproducible random choices. */
export interface Random {
  /** From 0 to 1, without 1. */
  next: () => number;
  integer: (min: number, max: number) => number;
  pick: <Value>(values: readonly Value[]) => Value;
  chance: (probability: number) => boolean;
}

/** The generator mulberry32 (Tommy Ettinger, public domain): small, and good enough to choose test cases. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick: <Value>(values: readonly Value[]) => values[integer(0, values.length - 1)] as Value,
    chance: (probability) => next() < probability,
  };
}
