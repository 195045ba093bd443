import { buildWithGo } from '../../local/go-program.ts';
import { checkTemporalOnPostgres } from './temporal-on-postgres.ts';

// node --import tsx test/deploy/temporal-main.ts: the check of deploy/temporal by itself, after npm run build.
const say = (text: string) => console.log(`[temporal] ${text}`);
await checkTemporalOnPostgres({ say, obtain: (program) => buildWithGo(program, say) });
