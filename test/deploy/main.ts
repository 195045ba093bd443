import { buildWithGo } from '../../local/go-program.ts';
import { checkChart } from './chart.ts';
import { checkCompose } from './compose.ts';
import { runProgram } from './run-program.ts';
import { checkTemporalOnPostgres } from './temporal-on-postgres.ts';

// npm run check:deploy: tests the content of deploy/ without a container engine. Missing programs, Debian packages and
// schemas are downloaded or built once. What it cannot get is a failure.
const say = (text: string) => console.log(`[deploy] ${text}`);
const tools = { say, obtain: (program: Parameters<typeof buildWithGo>[0]) => buildWithGo(program, say) };
const started = Date.now();
await checkCompose(say);
await checkChart(tools);
say('Building the service …');
runProgram('npm', ['run', '--silent', 'build']);
await checkTemporalOnPostgres(tools);
say(`Everything is valid (${Math.round((Date.now() - started) / 1_000)} s).`);
