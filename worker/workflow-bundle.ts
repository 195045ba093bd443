import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const fromRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The file into which `npm run build` bundles the workflows. */
export const BUNDLE = fromRoot('workflow-bundle.cjs');

/** Bundles the workflows and their payload converter. */
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

/** The bundle of `npm run build`. Without one, when the worker runs from source, bundles the workflows now. */
export const loadWorkflows = async () =>
  existsSync(BUNDLE) ? { codePath: BUNDLE } : { code: (await bundleWorkflows()).code };
