// Bundles the command `vmcraft` with everything it needs into packages/vmcraft/dist/bundle. Parts that are rarely needed stay in
// files of their own, so that the program starts fast.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'packages/vmcraft/dist/bundle');
const { version } = JSON.parse(readFileSync(join(root, 'packages/vmcraft/package.json'), 'utf8'));
/** Parts of earlier bundles are kept this long, because a program that runs may still load them. */
const KEEP_MS = 24 * 3600 * 1000;

/**
 * The list of default plugins takes their descriptors from `plugin.ts` itself: through a package's index, esbuild would load
 * everything that the index exports along with it.
 */
const lightDescriptors = {
  name: 'light-descriptors',
  setup({ onResolve }) {
    onResolve({ filter: /^@vmcraft\/[a-z0-9-]+$/ }, ({ path, importer }) =>
      importer === join(root, 'packages/vmcraft/src/plugins.ts')
        ? { path: join(root, 'packages', path.slice('@vmcraft/'.length), 'src/plugin.ts'), sideEffects: false }
        : undefined,
    );
  },
};

const started = new Date();
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: { cli: 'packages/vmcraft/src/cli.ts' },
  outdir: folder,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  conditions: ['@vmcraft/source'],
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: 'none',
  chunkNames: '[name]-[hash]',
  define: { VMCRAFT_VERSION: JSON.stringify(version) },
  // Libraries in CommonJS call require() for Node's own modules.
  banner: {
    js: "import{createRequire as vmcraftRequire}from'node:module';const require=vmcraftRequire(import.meta.url);",
  },
  // It finds its WebAssembly next to itself.
  external: ['wasmagic'],
  plugins: [lightDescriptors],
  write: false,
  logLevel: 'warning',
});

mkdirSync(folder, { recursive: true });
const entry = outputFiles.find((file) => basename(file.path) === 'cli.js');
// The entry comes last: whoever starts at this moment finds all parts of the old bundle or all parts of the new one.
for (const file of [...outputFiles.filter((file) => file !== entry), entry]) {
  const path = join(folder, basename(file.path));
  const fresh = `${path}.${process.pid}`;
  const text = file === entry && !file.text.startsWith('#!') ? `#!/usr/bin/env node\n${file.text}` : file.text;
  writeFileSync(fresh, text, { mode: file === entry ? 0o755 : 0o644 });
  utimesSync(fresh, started, started);
  renameSync(fresh, path);
}
const current = new Set(outputFiles.map((file) => basename(file.path)));
for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  if (!current.has(name) && statSync(path).mtimeMs < Date.now() - KEEP_MS) rmSync(path);
}
