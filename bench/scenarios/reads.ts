import { createApiClient } from '../api-client.ts';
import { pause, type BenchContext } from '../context.ts';
import { memoryOf } from '../cpu.ts';
import { load } from '../load.ts';
import type { BenchProcess } from '../process.ts';
import { seedJobs } from '../seed-jobs.ts';
import { createInstallation, type Installation } from '../service.ts';

const CONNECTIONS = 8;
const FEW = 100;
const PAGE = 50;
/** The number of different jobs that are read. */
const SAMPLE = 1_000;
/** Within this time the reconciler of a worker makes several passes. */
const SETTLES_MS = 15_000;
const YEAR_MS = 365 * 86_400_000;

/** A database and its API. */
interface Side {
  name: string;
  installation: Installation;
  api: BenchProcess;
  /** The memory of the API before there was any job, in megabytes. */
  memoryBefore: number;
  client: ReturnType<typeof createApiClient>;
  /** The pages that are read: the path of the n-th request, by name. */
  pages: Record<string, (number: number) => string>;
}

/** Reads the same pages of two databases, one with a hundred jobs and one with many. */
export async function startReads(context: BenchContext) {
  const few = await startSide(context, 'few', FEW);
  const many = await startSide(context, 'many', context.plan.seededJobs);
  const sides = [few, many];
  return {
    /** Reads every page of both databases alternately. Returns the figures by side. */
    read: async (round: number): Promise<Map<string, Record<string, number>>> => {
      const figures = new Map(sides.map(({ name }) => [name, {}]));
      for (const page of Object.keys(few.pages))
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          const send = (number: number) => side.client.ask(side.pages[page]?.(number) ?? '');
          await send(0);
          const { perSecond, p99Ms } = await load(
            CONNECTIONS,
            context.plan.readSeconds,
            send,
            context.signal,
          );
          Object.assign(figures.get(side.name) ?? {}, {
            [`${page}PerSecond`]: perSecond,
            [`${page}P99Ms`]: p99Ms,
          });
        }
      return figures;
    },
    /** The memory of both APIs after the reads, and of a worker on each database. */
    measureMemory: async (): Promise<Map<string, Record<string, number>>> => {
      context.say(`  starting a worker on each database`);
      const workers = await Promise.all(sides.map(({ installation }) => installation.startWorker()));
      await pause(context, SETTLES_MS);
      const figures = sides.map(
        (side, index) =>
          [
            side.name,
            {
              apiEmptyMb: side.memoryBefore,
              apiMb: memoryOf(side.api.pid),
              workerMb: memoryOf(workers[index]?.pid ?? 0),
            },
          ] as const,
      );
      return new Map(figures);
    },
  };
}

async function startSide(context: BenchContext, name: 'few' | 'many', count: number): Promise<Side> {
  context.say(`  a database with ${count} jobs`);
  const installation = await createInstallation(context, name);
  const api = await installation.startApi();
  const memoryBefore = memoryOf(api.pid);
  const client = createApiClient(api.port, CONNECTIONS);
  context.stops.push(client.close);
  const template = await client.askJob('/jobs', 'POST', {
    name: 'seeded-0',
    // Active, with occurrences to show, none of which is due during the bench.
    schedule: { cron: '30 4 * * MON', startAt: new Date(Date.now() + YEAR_MS).toISOString() },
    target: { type: 'http', url: 'https://example.com/' },
  });
  await seedJobs(installation.db, template.id, count);
  const idsFrom = async (order: 'random()' | 'id', limit: number) =>
    (await installation.db.query<{ id: string }>(`SELECT id FROM jobs ORDER BY ${order} LIMIT ${limit}`))
      .rows;
  const sample = await idsFrom('random()', SAMPLE);
  // A position near the end, as a cursor of the list.
  const [deep] = (await idsFrom('id', PAGE + 10)).slice(-1);
  const cursor = Buffer.from(JSON.stringify({ id: deep?.id })).toString('base64url');
  return {
    name,
    installation,
    api,
    memoryBefore,
    client,
    pages: {
      job: (number) => `/jobs/${sample[number % sample.length]?.id}`,
      firstPage: () => `/jobs?limit=${PAGE}`,
      deepPage: () => `/jobs?limit=${PAGE}&cursor=${cursor}`,
    },
  };
}
