import { expect, test } from '@jest/globals';
import { generationInNote, noteOf } from '../../../../scheduling/schedules/schedule-note.ts';

test('the generation is read from the note that holds it, whatever the pause reason', () => {
  for (const pause_reason of [null, 'maintenance', 'generation 8', ', paused: generation 9\n'])
    expect(generationInNote(noteOf({ schedule_generation: 12, pause_reason }))).toBe(12);
});

test('the format is the one that existing schedules hold', () => {
  expect(noteOf({ schedule_generation: 3, pause_reason: null })).toBe('generation 3');
  expect(noteOf({ schedule_generation: 3, pause_reason: 'no more' })).toBe('generation 3, paused: no more');
});

test('the note of somebody else holds no generation', () => {
  for (const note of [undefined, '', 'Paused via UI', 'my generation 3', 'generation 3rd', 'generation'])
    expect(generationInNote(note)).toBeUndefined();
});
