import os from 'node:os';
import path from 'node:path';

/** The folder for downloaded and built programs, in the user's cache folder. */
export function cacheFolder(): string {
  return path.join(cacheFolderOfUser(), 'durable-job-scheduler');
}

function cacheFolderOfUser(): string {
  if (process.env['XDG_CACHE_HOME']) return process.env['XDG_CACHE_HOME'];
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches');
  if (process.platform === 'win32' && process.env['LOCALAPPDATA']) return process.env['LOCALAPPDATA'];
  return path.join(os.homedir(), '.cache');
}
