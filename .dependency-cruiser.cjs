// Who may import whom: the table of docs/architecture.md, enforced.
const layers = {
  domain: [],
  platform: ['domain'],
  db: ['domain', 'platform'],
  scheduling: ['domain', 'db', 'platform'],
  activities: ['domain', 'db', 'scheduling', 'platform'],
  api: ['domain', 'db', 'scheduling', 'platform'],
  worker: ['activities', 'db', 'domain', 'scheduling', 'platform'],
};

module.exports = {
  forbidden: [
    ...Object.entries(layers).map(([folder, allowed]) => ({
      name: `${folder}-imports`,
      severity: 'error',
      comment: `${folder} may import only ${[folder, ...allowed].join(', ')}`,
      from: { path: `^${folder}/` },
      to: {
        path: '^(domain|platform|db|scheduling|activities|workflows|api|worker|local|test|bench)/',
        pathNot: `^(${[folder, ...allowed].join('|')})/`,
      },
    })),
    {
      name: 'workflows-are-orchestration-alone',
      severity: 'error',
      comment:
        'workflows take types from domain and activities, and code from the workflow SDK and from what imports nothing',
      from: { path: '^workflows/' },
      to: {
        pathNot:
          '^(workflows/|domain/(run-failed|turn-signal)[.]ts$|node_modules/@temporalio/(workflow|common)/)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      comment: 'domain knows zod and date libraries, and no process, network or database',
      from: { path: '^domain/' },
      to: { path: 'node_modules/', pathNot: 'node_modules/(zod|temporal-polyfill|cronstrue|uuid)/' },
    },
    {
      name: 'domain-without-node',
      severity: 'error',
      from: { path: '^domain/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-tests-in-production',
      severity: 'error',
      from: { pathNot: '^(test|bench)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'the-checker-is-independent',
      severity: 'error',
      comment: 'what judges the service under faults shares no code with it, not even types',
      from: { path: '^test/faults/(check|findings|history|index-log|log|near-faults|oracle)[a-z-]*[.]ts$' },
      to: { path: '^(domain|platform|db|scheduling|activities|workflows|api|worker|local|bench)/' },
    },
    {
      name: 'examples-are-users',
      severity: 'error',
      comment: 'what users write knows the SDK of Temporal, and nothing of the service',
      from: { path: '^examples/' },
      to: { path: '^(domain|platform|db|scheduling|activities|workflows|api|worker|local|test|bench)/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.data|coverage)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
