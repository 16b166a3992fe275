// Reference pages that come from the code: the action table, the support matrix, the published schema, and typedoc's check of every comment.
// `node tools/docs.mjs` writes them; `--check` fails when what is committed differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { must, root } from './workspace.mjs';

const check = process.argv.includes('--check');

/** The parts of the sources that the pages are made from. */
const ENTRY = `
export { allActions } from '@vmcraft/core/actions';
export { defaultPlugins } from 'vmcraft';
export { inspectionSchema } from '${root}packages/vmcraft/src/inspect/report-schema.ts';
`;

async function loadSources() {
  const folder = await mkdtemp(join(tmpdir(), 'vmcraft-docs-'));
  try {
    const outfile = join(folder, 'sources.mjs');
    await build({
      stdin: { contents: ENTRY, resolveDir: `${root}/test`, loader: 'ts' },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      conditions: ['@vmcraft/source'],
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      logLevel: 'error',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const camelCase = (name) => name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function returnType(returns) {
  if (typeof returns === 'string') return returns;
  if (returns.value !== undefined) return returns.value;
  return returns.struct === undefined ? `list of ${returns.structList}` : returns.struct;
}

function signature(action) {
  const args = action.args.map((a) => a.name);
  const options = Object.keys(action.options ?? {}).map((o) => `[${o}:…]`);
  return [action.name.replaceAll('_', '-'), ...args, ...options].join(' ');
}

function actionsPage(actions) {
  const themes = Map.groupBy === undefined ? groupBy(actions) : Map.groupBy(actions, (a) => a.theme);
  const lines = [
    '# Actions',
    '',
    'Every function of the guestfs API that VMCraft has, by theme. In programs `mkdir_p` is the method `mkdirP`; in the shell it is the command',
    '`mkdir-p`. This page is generated from the action table.',
    '',
    `${actions.length} actions.`,
  ];
  for (const [theme, list] of [...themes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push('', `## ${theme}`, '', '| command | method | returns | |', '|---|---|---|---|');
    for (const a of [...list].sort((x, y) => (x.name < y.name ? -1 : 1))) {
      const notes = [
        a.doc,
        a.deprecatedBy === undefined ? '' : `Deprecated: use ${a.deprecatedBy}.`,
        a.aliases?.length > 0 ? `Also ${a.aliases.join(', ')}.` : '',
      ];
      lines.push(
        `| \`${cell(signature(a))}\` | \`${camelCase(a.name)}\` | ${returnType(a.returns)} | ${cell(notes.filter(Boolean).join(' '))} |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function groupBy(actions) {
  const out = new Map();
  for (const a of actions) out.set(a.theme, [...(out.get(a.theme) ?? []), a]);
  return out;
}

function supportPage(plugins) {
  const lines = [
    '# Support matrix',
    '',
    'What the plugins that come with VMCraft can do. This page is generated from their descriptors.',
  ];
  for (const plugin of plugins) {
    for (const p of plugin.providers) {
      lines.push(
        '',
        `## ${p.name}`,
        '',
        `${p.summary}. Kind: ${p.kind}. Package: \`${plugin.name}\`.`,
        '',
        '| | can |',
        '|---|---|',
      );
      for (const [subject, abilities] of Object.entries(p.capabilities.supports))
        lines.push(`| ${cell(subject)} | ${abilities.join(', ')} |`);
      const needs = p.capabilities.hostRequirements ?? [];
      if (needs.length > 0) lines.push('', `Needs on the host: ${needs.join(', ')}.`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const { allActions, defaultPlugins, inspectionSchema } = await loadSources();
const pluginActions = [];
for (const { providers } of defaultPlugins) {
  for (const provider of providers) if (provider.kind === 'actions') pluginActions.push(...(await provider.load()));
}
const pages = {
  'docs/reference/actions.md': actionsPage([...allActions, ...pluginActions]),
  'docs/reference/support.md': supportPage(defaultPlugins),
  'docs/schemas/inspection.schema.json': `${JSON.stringify(inspectionSchema(), null, 2)}\n`,
};

const stale = [];
for (const [path, text] of Object.entries(pages)) {
  const file = join(root, path);
  const same = path.endsWith('.json')
    ? (a, b) => JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b))
    : (a, b) => a === b;
  if (check) {
    let current = '{}';
    try {
      current = readFileSync(file, 'utf8');
    } catch {
      // missing is stale too
    }
    if (!same(current, text)) stale.push(path);
  } else if (!path.endsWith('.json')) {
    writeFileSync(file, text);
  }
}
if (stale.length > 0) {
  process.stderr.write(`out of date: ${stale.join(', ')}; run node tools/docs.mjs\n`);
  process.exit(1);
}
must(
  'typedoc',
  join(root, 'node_modules/.bin/typedoc'),
  check ? ['--emit', 'none', '--logLevel', 'Warn'] : ['--logLevel', 'Warn'],
);
