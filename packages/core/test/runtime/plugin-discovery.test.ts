import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Warning } from '../../src/contracts/index.js';
import { discoverPlugins } from '../../src/runtime/index.js';

const PLUGIN = (name: string): string => `export const plugin = { name: '${name}', apiVersion: 1, providers: [] };\n`;

describe('discoverPlugins', () => {
  let folder: string;
  let warnings: Warning[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-plugins-'));
    warnings = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = (path: string, text: string | object): void => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text));
  };
  const discover = async (places: { siblings?: string; config?: string } = {}, from = folder): Promise<string[]> => {
    const found = await discoverPlugins({ folder: from, warn: (w) => void warnings.push(w), ...places });
    return found.map((plugin) => plugin.name);
  };

  it('finds nothing where nothing is', async () => {
    expect(await discover()).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('finds packages that the project depends on, by their exports', async () => {
    put('package.json', {
      type: 'module',
      dependencies: { 'fs-one': '1', plain: '1' },
      devDependencies: { '@me/two': '1' },
    });
    put('node_modules/fs-one/package.json', {
      name: 'fs-one',
      type: 'module',
      exports: { '.': { types: './x.d.ts', import: './main.js' } },
      vmcraft: { plugin: '.' },
    });
    put('node_modules/fs-one/main.js', PLUGIN('one'));
    put('node_modules/@me/two/package.json', {
      name: '@me/two',
      type: 'module',
      exports: { './p': './p.js' },
      vmcraft: { plugin: './p' },
    });
    put('node_modules/@me/two/p.js', PLUGIN('two'));
    put('node_modules/plain/package.json', { name: 'plain' });
    put('node_modules/unrelated/package.json', {
      name: 'unrelated',
      type: 'module',
      exports: './x.js',
      vmcraft: { plugin: '.' },
    });
    put('node_modules/unrelated/x.js', PLUGIN('unrelated'));
    mkdirSync(join(folder, 'deep/er'), { recursive: true });
    expect(await discover({}, join(folder, 'deep/er'))).toEqual(['one', 'two']);
    expect(warnings).toEqual([]);
  });

  it('finds siblings of an installation that have vmcraft in their name', async () => {
    put('global/vmcraft-fs-x/package.json', {
      name: 'vmcraft-fs-x',
      type: 'module',
      exports: './x.js',
      vmcraft: { plugin: '.' },
    });
    put('global/vmcraft-fs-x/x.js', PLUGIN('sibling'));
    put('global/other/package.json', { name: 'other', type: 'module', exports: './x.js', vmcraft: { plugin: '.' } });
    put('global/other/x.js', PLUGIN('other'));
    expect(await discover({ siblings: join(folder, 'global') })).toEqual(['sibling']);
  });

  it('warns of a package that does not load, and of exports that lead out of it', async () => {
    put('package.json', { dependencies: { broken: '1', escape: '1' } });
    put('node_modules/broken/package.json', {
      name: 'broken',
      type: 'module',
      exports: './x.js',
      vmcraft: { plugin: '.' },
    });
    put('node_modules/broken/x.js', 'throw new Error("no");');
    put('node_modules/escape/package.json', {
      name: 'escape',
      exports: './../../outside.js',
      vmcraft: { plugin: '.' },
    });
    put('outside.js', PLUGIN('outside'));
    expect(await discover()).toEqual([]);
    expect(warnings.map((w) => w.message)).toEqual([
      'plugin broken: does not load: no',
      "plugin escape: does not export '.'",
    ]);
  });

  it('takes plugins, and names of packages, from the configuration file', async () => {
    put(
      'vmcraft.config.mjs',
      "export default { plugins: ['named', { name: 'inline', apiVersion: 1, providers: [] }] };",
    );
    put('node_modules/named/package.json', {
      name: 'named',
      type: 'module',
      exports: './x.js',
      vmcraft: { plugin: '.' },
    });
    put('node_modules/named/x.js', PLUGIN('named'));
    expect(await discover()).toEqual(['named', 'inline']);
  });

  it('fails when the configuration names what is not there', async () => {
    put('vmcraft.config.mjs', "export default { plugins: ['missing'] };");
    await expect(discover()).rejects.toMatchObject({
      code: 'VMC_PLUGIN_LOAD',
      message: expect.stringContaining('install missing'),
    });
  });

  it('does not run a configuration file that others could have written, unless it is named', async () => {
    put('vmcraft.config.mjs', "export default { plugins: [{ name: 'inline', apiVersion: 1, providers: [] }] };");
    chmodSync(folder, 0o777);
    expect(await discover()).toEqual([]);
    expect(warnings[0]?.message).toContain('is not used: others may write it');
    expect(await discover({ config: join(folder, 'vmcraft.config.mjs') })).toEqual(['inline']);
  });
});
