// npm start. Plain JavaScript without packages: it installs them if need be, and then starts the local stack.
// It stays in the terminal and passes Ctrl-C on, while the stack runs in a session of its own: so its parts are
// stopped in order, and none of them by the terminal behind its back.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  console.error(`This needs Node 20.12 or newer; this is Node ${process.versions.node}.`);
  process.exit(1);
}

// npm writes this file last, so an installation that was broken off counts as none.
const installed = 'node_modules/.package-lock.json';
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs) {
  console.log('Installing the packages (about a minute, once) …');
  const npm = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    console.error('npm ci failed; its own words stand above.');
    process.exit(1);
  }
}

if (existsSync('.env')) process.loadEnvFile('.env');

const stack = spawn(process.execPath, ['--import', 'tsx', 'local/main.ts'], {
  detached: true,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
// Under npm, "exec" in package.json leaves no shell in between that would swallow SIGTERM.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (stack.connected) stack.send({ stop: signal });
  });
}
// A parent that was killed can pass nothing on.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent && stack.connected) stack.disconnect();
}, 500).unref();
stack.on('exit', (code) => process.exit(code ?? 1));
