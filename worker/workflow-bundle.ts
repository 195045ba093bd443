import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const fromRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where `npm run build` puts the workflows, as one file. */
export const BUNDLE = fromRoot('workflow-bundle.cjs');

/** The workflows, and how they read values, as one piece of code. */
export const bundleWorkflows = () =>
  bundleWorkflowCode({
    workflowsPath: fromRoot('workflows'),
    payloadConverterPath: fileURLToPath(
      new URL(
        `../workflows/payload-converter${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
        import.meta.url,
      ),
    ),
  });

/** The bundle that was built, so that a worker starts at once and runs what was tested; from source, one made now. */
export const loadWorkflows = async () =>
  existsSync(BUNDLE) ? { codePath: BUNDLE } : { code: (await bundleWorkflows()).code };
