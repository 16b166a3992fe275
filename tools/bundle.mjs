// Bundles the command `vmcraft` with everything it needs into packages/vmcraft/dist/bundle: `cli.js`, which loads the other parts with
// the code that V8 compiled in an earlier run. Parts that are rarely needed are files of their own.
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'packages/vmcraft/dist/bundle');
/** Parts of earlier bundles are kept this long, because a program that runs may still load them. */
const KEEP_MS = 3600 * 1000;
const { version } = JSON.parse(readFileSync(join(root, 'packages/vmcraft/package.json'), 'utf8'));

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

/** Commander loads `child_process` for commands that are programs of their own, which we have none of. */
const lazyChildProcess = {
  name: 'lazy-child-process',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: "module.exports = { get spawn() { return process.getBuiltinModule('node:child_process').spawn; } };",
    }));
  },
};

/** What both bundles have in common. */
const options = {
  absWorkingDir: root,
  outdir: folder,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  conditions: ['@vmcraft/source'],
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: 'none',
  define: { VMCRAFT_VERSION: JSON.stringify(version) },
  // It finds its WebAssembly next to itself.
  external: ['wasmagic'],
  plugins: [lightDescriptors, lazyChildProcess],
  write: false,
  logLevel: 'warning',
};

/**
 * A part of the program as a function of `require`, `exports` and `import`: only scripts, and not modules, can be loaded with compiled code.
 * No part imports one that imports it, and esbuild exports only what is never assigned again, so values can be copied.
 */
function asScript(path, text) {
  const imports = [];
  const exported = /(?:export\{([^{}]*)\};?|export default ([^{};]*);)?\s*$/.exec(text);
  const body = text
    .slice(0, exported.index)
    .replace(/(?<=^|[;}\n])import([\w$*{},: ]*?)(?: from|from)?"([^"\n]+)";?/g, (_, names, from) => {
      imports.push(importAsRequire(names, from));
      return '';
    })
    .replace(/\bimport\(("\.\/[^"]+")\)/g, 'Promise.resolve().then(()=>require($1))')
    .replaceAll('import.meta.url', 'vmcraftUrl')
    // An import of something outside.
    .replace(/(?<![\w$.])import\(/g, 'vmcraftImport(');
  const missed = /(^|[;}\n])(import|export)[\s{*"].{0,60}/.exec(body);
  if (missed !== null) throw new Error(`${path}: not understood: ${missed[0]}`);
  const names = exported[1] ?? (exported[2] && `${exported[2]} as default`) ?? '';
  const exports = names.split(',').filter(Boolean).map(exportAsAssignment);
  return `(function(require,vmcraftExports,vmcraftImport,vmcraftUrl){"use strict";${imports.join('')}${body}${exports.join('')}})`;
}

/** `{a as b}`, `* as c` or `d,{a}` from a module. */
function importAsRequire(names, from) {
  const call = `require("${from}")`;
  const [, single, all, listed] = /^\s*([\w$]+)?,?(?:\*as ([\w$]+))?(?:\{(.*)\})?\s*$/.exec(names);
  const targets = [single, all, listed && `{${listed.replaceAll(' as ', ':')}}`].filter(Boolean);
  return targets.length === 0 ? `${call};` : targets.map((target) => `const ${target}=${call};`).join('');
}

function exportAsAssignment(name) {
  const [from, to = from] = name.trim().split(' as ');
  return `vmcraftExports.${to}=${from};`;
}

const started = new Date();
const program = await build({
  ...options,
  entryPoints: { program: 'packages/vmcraft/src/cli.ts' },
  format: 'esm',
  splitting: true,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
});
const files = new Map(program.outputFiles.map(({ path, text }) => [basename(path), asScript(path, text)]));
const entry = [...files.keys()].find((name) => name.startsWith('program-'));
const launcher = await build({
  ...options,
  entryPoints: { cli: 'packages/vmcraft/src/launcher/main.ts' },
  format: 'cjs',
  define: { VMCRAFT_PROGRAM: JSON.stringify(`./${entry}`), 'import.meta.dirname': '__dirname' },
});
// This folder's modules are CommonJS, in a package of ES modules.
files.set('package.json', '{ "type": "commonjs" }\n');
// The entry comes last: whoever starts at this moment finds all parts of the old bundle or all parts of the new one.
files.set('cli.js', launcher.outputFiles[0].text);

mkdirSync(folder, { recursive: true });
for (const [name, text] of files) {
  const path = join(folder, name);
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode: name === 'cli.js' ? 0o755 : 0o644 });
  utimesSync(fresh, started, started);
  renameSync(fresh, path);
}
// Programs that the bundle starts lie beside it.
cpSync(join(root, 'packages/fs-host/helper'), join(folder, '../helper'), {
  recursive: true,
  filter: (path) => !path.includes('__pycache__'),
});
for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  if (!files.has(name) && statSync(path).mtimeMs < Date.now() - KEEP_MS) rmSync(path);
}
