import type { Script } from './log.ts';

// What the target answers. What the checker must know beforehand depends on the nominal time alone.

const SPELL_MS = 12_000;
const HANGING_EACH = 3;

/** What becomes of an attempt of a run that nothing disturbs; `busy` means: in the end. */
export type Verdict = 'succeeds' | 'fails' | 'hangs';

/** The verdict for the run of a nominal time. */
export function verdictOf(script: Script, scheduledAt: number): Verdict {
  if (script === 'spells') return Math.floor(scheduledAt / SPELL_MS) % 2 === 1 ? 'fails' : 'succeeds';
  if (script === 'hanging')
    return Math.floor(scheduledAt / 1_000) % HANGING_EACH === 0 ? 'hangs' : 'succeeds';
  return 'succeeds';
}

/** The path of a target that answers by a script. */
export const targetPath = (script: Script | 'hook', name: string) => `/${script}/${name}`;

/** The script of a path; `prompt` for one that names none. */
export function scriptOf(path: string): Script | 'hook' {
  const [, script] = path.split('/');
  return SCRIPTS.find((known) => known === script) ?? 'prompt';
}

const SCRIPTS = ['prompt', 'slow', 'busy', 'spells', 'hanging', 'hook'] as const;
