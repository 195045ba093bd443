import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

// Part of npm run build: the workflows as one file, so that a worker starts at once and runs what was tested.
const fromRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { code } = await bundleWorkflowCode({ workflowsPath: fromRoot('workflows') });
await writeFile(fromRoot('workflow-bundle.cjs'), code);
