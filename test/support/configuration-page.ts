import { Environment } from '../../platform/environment.ts';

const HEAD = `# Configuration

Made from platform/environment.ts by \`npm run docs\`.

Everything is read from the environment; \`npm start\` also reads \`.env\` ([.env.example](../.env.example)). An empty value
counts as none. A wrong value stops the start, and every wrong one is named at once.

| variable | default | |
| --- | --- | --- |
`;

/** The text of docs/configuration.md, from the schema of the environment. */
export const configurationPage = (): string =>
  HEAD +
  Object.entries(Environment.shape)
    .map(([name, schema]) => `| \`${name}\` | ${defaultOf(schema)} | ${schema.description ?? ''} |\n`)
    .join('');

function defaultOf(schema: (typeof Environment.shape)[keyof typeof Environment.shape]): string {
  const { success, data } = schema.safeParse(undefined);
  if (!success) return '';
  const text = Array.isArray(data)
    ? (data as unknown[]).map(String).join()
    : typeof data === 'object'
      ? ''
      : String(data ?? '');
  return text === '' ? '' : `\`${text}\``;
}
