/** The layer rules of ARCHITECTURE.md: what may import what. */
const CORE_LAYERS = [
  'errors',
  'binary',
  'contracts',
  'block',
  'partition',
  'storage',
  'vfs',
  'inspect',
  'guest',
  'runtime',
];

/** In core a folder imports only from folders to its left. */
const coreRules = CORE_LAYERS.map((layer, index) => ({
  name: `core-${layer}-imports-only-lower-layers`,
  severity: 'error',
  from: { path: `^packages/core/src/${layer}/` },
  to: {
    path: '^packages/core/src/',
    pathNot: `^packages/core/src/(${CORE_LAYERS.slice(0, index + 1).join('|')})/`,
  },
}));

/** Engine code must also run in a browser; docs/adr/0001-foundations.md lists the exceptions. */
const ENGINE =
  '^packages/(core/src/(?!runtime/)|fs-(?!host)[a-z0-9]+/src|storage-[a-z0-9]+/src|format-[a-z0-9]+/src|os-[a-z0-9]+/src)';

module.exports = {
  forbidden: [
    ...coreRules,
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'engine-has-no-node',
      comment: 'bytes are Uint8Array and I/O comes through BlockDevice',
      severity: 'error',
      from: { path: ENGINE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'plugins-do-not-know-each-other',
      severity: 'error',
      from: { path: '^packages/((backend|fs|storage|os|format)-[a-z0-9]+)/src' },
      to: {
        path: '^packages/',
        pathNot: ['^packages/core/', '^packages/$1/', '^packages/format-regf/', '^packages/backend-nbd/'],
      },
    },
    {
      name: 'backend-nbd-serves-heavier-backends',
      comment: 'docs/adr/0014-attach-and-host-mounts.md, docs/adr/0016-libguestfs.md',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/(fs-host|backend-libguestfs|backend-nbd|vmcraft)/' },
      to: { path: '^packages/backend-nbd/src' },
    },
    {
      name: 'format-regf-only-for-os-windows',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/(os-windows|format-regf|vmcraft)/' },
      to: { path: '^packages/format-regf/' },
    },
    {
      name: 'testkit-knows-contracts-only',
      severity: 'error',
      from: { path: '^packages/testkit/src' },
      to: {
        path: '^packages/',
        pathNot: ['^packages/testkit/', '^packages/core/src/(index|errors|binary|contracts|block)'],
      },
    },
    {
      name: 'core-imports-no-plugin',
      severity: 'error',
      from: { path: '^packages/core/src' },
      to: { path: '^packages/', pathNot: '^packages/core/' },
    },
    {
      name: 'only-runtime-has-a-container',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/core/src/runtime/' },
      to: { path: '(tsyringe|reflect-metadata)' },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      // Packages of the workspace are checked by tools/check-files.mjs: here they resolve to each other's sources.
      // An optional peer is also taken for one without an entry, by the name of `peerDependenciesMeta`.
      to: {
        pathNot: '^packages/',
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['npm-peer'],
      },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-tests-in-sources',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      to: { path: '(/test/|\\.test\\.ts$)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|/fixtures/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@vmcraft/source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
