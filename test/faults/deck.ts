import type { Random } from '../support/random.ts';
import type { Cluster } from './cluster.ts';
import { FAULTS } from './fault-kinds.ts';

/** The faults to come, drawn like cards, so that even a short run has each kind. */
export interface Deck {
  /** The kinds of one fault, or of two that happen at once and share nothing. */
  draw: (most: number) => string[];
}

/** Which cards a deck has. */
export interface DeckOptions {
  /** Only these kinds, in place of all. */
  kinds?: string[] | undefined;
  /** One card of each kind, in place of as many as is usual. */
  isEven?: boolean | undefined;
}

const PAIRS = 0.1;

/** Names the kinds of a deck. @throws Error for a name that no kind has */
export function chooseKinds(cluster: Cluster, { kinds }: DeckOptions, say: (text: string) => void): string[] {
  const known = Object.keys(FAULTS);
  const wrong = kinds?.find((kind) => !known.includes(kind));
  if (wrong !== undefined) throw new Error(`"${wrong}" is no kind of fault. There are: ${known.join(', ')}`);
  const usual = known.filter((kind) => FAULTS[kind]?.times !== 0);
  return (kinds ?? usual).filter((kind) => {
    const reason = FAULTS[kind]?.unavailable?.(cluster);
    if (reason !== undefined) say(`"${kind}" is left out: ${reason}`);
    return reason === undefined;
  });
}

/** Makes a deck that is shuffled anew whenever it is used up. */
export function createDeck(kinds: readonly string[], { isEven }: DeckOptions, random: Random): Deck {
  if (kinds.length === 0) throw new Error('none of the kinds of faults is possible here');
  let cards: string[] = [];
  const drawOne = (): string => {
    if (cards.length === 0)
      cards = shuffle(
        kinds.flatMap((kind) => Array<string>(isEven ? 1 : Math.max(1, FAULTS[kind]?.times ?? 1)).fill(kind)),
        random,
      );
    return cards.pop() as string;
  };
  return {
    draw: (most) => {
      const first = drawOne();
      if (most < 2 || !random.chance(PAIRS)) return [first];
      const second = drawOne();
      if (shareNothing(first, second)) return [first, second];
      cards.push(second);
      return [first];
    },
  };
}

function shareNothing(one: string, other: string): boolean {
  const held = FAULTS[one]?.holds ?? [];
  return !FAULTS[other]?.holds.some((thing) => held.includes(thing));
}

function shuffle<Value>(values: Value[], random: Random): Value[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [values[last], values[other]] = [values[other] as Value, values[last] as Value];
  }
  return values;
}
