import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findPort } from '../../local/ports.ts';
import { startLogged, stopProcess } from '../../local/processes.ts';
import { findDebianProgram } from './debian-program.ts';
import { fromRunner } from './environment.ts';
import { waitFor } from './wait-for.ts';

/** Starts an nginx in front of these APIs, with the settings of docs/operations.md. */
export async function startReverseProxy(
  name: string,
  apis: string[],
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { command } = findDebianProgram({ program: 'nginx', package: 'nginx' });
  const folder = path.join(fromRunner('folder'), `${name}-nginx`);
  mkdirSync(folder);
  const port = await findPort(0);
  const servers = apis.map((url) => `server ${new URL(url).host} max_fails=0;`).join(' ');
  const file = path.join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream scheduler { ${servers} keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://scheduler;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_next_upstream error timeout http_503 non_idempotent;
      proxy_next_upstream_tries 4;
    }
  }
}
`,
  );
  const nginx = startLogged(command, ['-c', file, '-p', folder, '-e', 'stderr'], {
    logFile: path.join(folder, 'nginx.log'),
    env: { PATH: process.env['PATH'] },
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor('nginx', async () => (await fetch(`${url}/livez`)).ok);
  return { url, stop: async () => void (await stopProcess(nginx, 'SIGQUIT', 10_000)) };
}
