// npm start: installs the packages if necessary, and starts the local stack. Plain JavaScript, because it runs before there
// are packages. The stack runs in a session of its own, so that Ctrl-C reaches this process only, which then stops the parts
// in order.
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

// npm writes this file last, so it is missing after an interrupted installation.
const installed = 'node_modules/.package-lock.json';
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs) {
  console.log('Installing the packages (about a minute, once) …');
  const npm = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    console.error('npm ci failed; see its output above.');
    process.exit(1);
  }
}

if (existsSync('.env')) process.loadEnvFile('.env');

const stack = spawn(process.execPath, ['--import', 'tsx', 'local/main.ts'], {
  detached: true,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
// The "exec" in package.json removes the shell between npm and this process, which would swallow SIGTERM.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (stack.connected) stack.send({ stop: signal });
  });
}
// A parent that was killed cannot forward signals, so a change of the parent id stops the stack too.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent && stack.connected) stack.disconnect();
}, 500).unref();
stack.on('exit', (code) => process.exit(code ?? 1));
