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

/** Files of a layer with a rule of their own below. */
const exempt = { api: '^api/main[.]ts$' };

// Within a layer: which groups of files a group may import. Nothing imports back, so there are no circles of groups.
const groups = {
  domain: {
    schedule: [],
    target: [],
    run: [],
    job: ['schedule', 'target', 'run'],
  },
  db: { migrations: [], access: [], jobs: [], runs: [], upkeep: [] },
  scheduling: {
    temporal: [],
    occurrences: [],
    schedules: ['temporal', 'occurrences'],
    jobs: ['temporal', 'occurrences', 'schedules'],
    runs: ['temporal', 'occurrences', 'schedules'],
    reconciler: ['temporal', 'occurrences', 'schedules', 'jobs', 'runs'],
  },
  activities: { call: [], attempt: ['call'] },
  api: {
    access: [],
    stream: [],
    rest: ['access', 'stream'],
    server: ['rest'],
    middleware: ['access', 'rest', 'server'],
    routes: ['access', 'stream', 'rest', 'middleware'],
  },
};
/** Layers whose files outside of groups are what the groups stand on; those of other layers stand on the groups. */
const withGround = ['domain', 'db'];

/** For each group, and for the files beside them, the groups and files of the layer that it may not import. */
const groupRules = Object.entries(groups).flatMap(([layer, table]) => {
  const names = Object.keys(table);
  const rule = (name, from, forbidden) => ({
    name: `${layer}-${name}-imports`,
    severity: 'error',
    comment: `see the table of groups above`,
    from: { path: from },
    to: { path: forbidden },
  });
  const ofGroups = names.flatMap((name) => {
    const others = names.filter((other) => other !== name && !table[name].includes(other));
    const forbidden = others.map((other) => `^${layer}/${other}/`);
    if (!withGround.includes(layer)) forbidden.push(`^${layer}/[^/]+$`);
    return forbidden.length === 0 ? [] : [rule(name, `^${layer}/${name}/`, forbidden.join('|'))];
  });
  if (!withGround.includes(layer)) return ofGroups;
  const above = names.filter((name) => name !== 'migrations').map((name) => `^${layer}/${name}/`);
  return [...ofGroups, rule('ground', `^${layer}/[^/]+$`, above.join('|'))];
});

module.exports = {
  forbidden: [
    ...groupRules,
    ...Object.entries(layers).map(([folder, allowed]) => ({
      name: `${folder}-imports`,
      severity: 'error',
      comment: `${folder} may import only ${[folder, ...allowed].join(', ')}`,
      from: { path: `^${folder}/`, ...(exempt[folder] ? { pathNot: exempt[folder] } : {}) },
      to: {
        path: '^(domain|platform|db|scheduling|activities|workflows|api|worker|local|test|bench)/',
        pathNot: `^(${[folder, ...allowed].join('|')})/`,
      },
    })),
    {
      name: 'api-main-imports',
      severity: 'error',
      comment: 'api/main.ts also builds the caller of hooks, for when no worker lives',
      from: { path: '^api/main[.]ts$' },
      to: { path: '^(workflows|worker|local|test|bench)/' },
    },
    {
      name: 'workflows-are-orchestration-alone',
      severity: 'error',
      comment:
        'workflows take types from domain and activities, and code from the workflow SDK and from the contract, which imports types only',
      from: { path: '^workflows/' },
      to: {
        pathNot:
          '^(workflows/|domain/run/workflow-contract[.]ts$|node_modules/@temporalio/(workflow|common)/)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-workflow-contract-imports-types-only',
      severity: 'error',
      comment: 'it is part of the bundle of the workflows',
      from: { path: '^domain/run/workflow-contract[.]ts$' },
      to: { dependencyTypesNot: ['type-only'] },
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
      comment: 'the checker of the service under faults shares no code with it, not even types',
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
