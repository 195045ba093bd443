import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Agent, fetch, type RequestInit, type Response } from 'undici';
import { findPort } from '../../local/ports.ts';
import { startLogged, stopProcess } from '../../local/processes.ts';
import { findDebianProgram } from './debian-program.ts';
import { startNameServer, type NameServer } from './name-server.ts';
import { SELF_SIGNED } from './self-signed.ts';
import { waitForStart } from './wait-for-start.ts';

const TEMPLATE = path.resolve('deploy/gateway/nginx.conf.template');

/** A line of the gateway's access log. */
interface AccessLine {
  msg: string;
  requestId: string;
  path: string;
  status: number;
  caller: string;
  /** The addresses of the APIs that the gateway called, in order; empty if it called none. */
  apis: string;
}

/** The gateway of deploy/gateway, with a name server that resolves the APIs. */
export interface Gateway {
  url: string;
  plainUrl: string;
  names: NameServer;
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** The access log, in the order of the answers. */
  accessLog: () => AccessLine[];
  stop: () => Promise<void>;
}

const findNginx = () => findDebianProgram({ program: 'nginx', package: 'nginx' }).command;

/** Fills in the template, like the entry point of nginx's image. Returns the arguments for nginx. */
function configure(folder: string, settings: Record<string, string>): string[] {
  const filled = readFileSync(TEMPLATE, 'utf8').replaceAll(
    /\$\{([A-Z_]+)\}/g,
    (text, name: string) => settings[name] ?? text,
  );
  const file = path.join(folder, 'nginx.conf');
  // Paths that the image sets.
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ');
  writeFileSync(file, filled.replace(/^http \{$/m, `http { ${places}`));
  return ['-c', file, '-p', folder, '-e', 'stderr', '-g', `daemon off; pid ${folder}/nginx.pid;`];
}

/** Makes nginx check the filled template. @throws Error with the messages of nginx */
export function checkGateway(folder: string, settings: Record<string, string>): void {
  const { status, stderr } = spawnSync(findNginx(), ['-t', ...configure(folder, settings)], {
    encoding: 'utf8',
  });
  if (status !== 0 || /\[(warn|error|emerg)\]/.test(stderr)) throw new Error(stderr);
}

/**
 * Starts nginx with the template of a deployment. The APIs listen on `apiPort` and `internalPort`, each on its own loopback
 * address. @throws Error if there is no nginx, or with its last output
 */
export async function startGateway(options: {
  folder: string;
  apiPort: number;
  internalPort: number;
  apis: string[];
  settings?: Record<string, string>;
}): Promise<Gateway> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true });
  const file = (kind: string) => path.join(folder, `${kind}.pem`);
  for (const kind of ['cert', 'key'] as const) writeFileSync(file(kind), SELF_SIGNED[kind]);
  const names = await startNameServer('api', options.apis);
  const settings = {
    API_HOST: 'api',
    API_PORT: String(options.apiPort),
    API_INTERNAL_PORT: String(options.internalPort),
    NAMESERVER: names.address,
    HTTP_PORT: String(await findPort(0)),
    HTTPS_PORT: String(await findPort(0)),
    ACCESS_LOG: path.join(folder, 'access.log'),
    TLS_CERTIFICATE: file('cert'),
    TLS_CERTIFICATE_KEY: file('key'),
    RATE_PER_CLIENT: '1000',
    RATE_PER_ADDRESS: '1000',
    BURST_PER_CLIENT: '1000',
    BURST_PER_ADDRESS: '1000',
    ...options.settings,
  };
  checkGateway(folder, settings);
  const nginx = startLogged(findNginx(), configure(folder, settings), {
    logFile: path.join(folder, 'nginx.log'),
    env: { PATH: process.env['PATH'] },
  });
  const dispatcher = new Agent({ connect: { ca: SELF_SIGNED.cert } });
  const url = `https://127.0.0.1:${settings.HTTPS_PORT}`;
  const gateway: Gateway = {
    url,
    plainUrl: `http://127.0.0.1:${settings.HTTP_PORT}`,
    names,
    fetch: (place, init = {}) => fetch(`${url}${place}`, { dispatcher, redirect: 'manual', ...init }),
    accessLog: () =>
      readFileSync(settings.ACCESS_LOG, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as AccessLine),
    stop: async () => {
      await dispatcher.destroy();
      await stopProcess(nginx, 'SIGQUIT', 10_000);
      await names.stop();
    },
  };
  try {
    await waitForStart(
      'The gateway',
      nginx,
      async () => (await fetch(`${gateway.plainUrl}/`, { redirect: 'manual' })).status === 308,
    );
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  return gateway;
}
