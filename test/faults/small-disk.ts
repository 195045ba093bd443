import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';

/** Enough for Postgres and a second copy of its files. */
const SIZE = '1200m';

/**
 * Mounts a small file system in memory, which a fault can fill. `unmount` leaves its files in the folder. Undefined where
 * mounting is not allowed.
 */
export function mountSmallDisk(folder: string): { unmount: () => void } | undefined {
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=755`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  return {
    unmount: () => {
      const kept = `${folder}-kept`;
      spawnSync('cp', ['-a', folder, kept]);
      spawnSync('umount', ['--lazy', folder]);
      spawnSync('rm', ['-r', folder]);
      renameSync(kept, folder);
    },
  };
}
