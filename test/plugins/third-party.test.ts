import { execFile, execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { findTool, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, cli } from '../cli/run-cli.js';
import { addPackage, buildAll, installPacked, REPOSITORY } from './packed-project.js';

const run = promisify(execFile);

/** A plugin that reads no bytes, with the names given. */
const pluginSource = (plugin: string, provider: string): string => `
  export const plugin = {
    name: '${plugin}',
    apiVersion: 1,
    providers: [{
      kind: 'filesystem', name: '${provider}', summary: 'for a test', rank: 1,
      capabilities: { supports: { ${provider.replaceAll('-', '')}: ['read'] } },
      load: async () => ({ name: '${provider}', capabilities: {}, probe: async () => undefined }),
    }],
  };
`;

describe.runIf(requireTools('pnpm', 'genromfs', 'tar'))('packages as they are published', () => {
  let project: string;
  let image: string;
  let manifests: ReturnType<typeof installPacked>;
  const dependencies: Record<string, string> = { vmcraft: '*', 'vmcraft-plugin-romfs': '*' };
  const writeManifest = (): void => {
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module', dependencies }));
  };

  beforeAll(() => {
    project = realpathSync(mkdtempSync(join(tmpdir(), 'vmcraft-consumer-')));
    buildAll();
    manifests = installPacked(project);
    writeManifest();
    mkdirSync(join(project, 'tree/folder'), { recursive: true });
    writeFileSync(join(project, 'tree/hello.txt'), 'hello from romfs\n');
    writeFileSync(join(project, 'tree/folder/inner'), 'inner\n');
    image = join(project, 'romfs.img');
    execFileSync(findTool('genromfs') as string, ['-f', image, '-d', join(project, 'tree'), '-V', 'example']);
    copyFileSync(join(REPOSITORY, 'examples/sample-guest/debian.qcow2'), join(project, 'disk.qcow2'));
  }, 300_000);
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  /** The installed program, in a folder. */
  const vmcraft = (args: string[], cwd = project): Promise<CliResult> =>
    cli(args, { cwd, program: join(project, 'node_modules/vmcraft/dist/bundle/cli.js') });

  it('depend on versions, not on the workspace', () => {
    for (const [name, { dependencies: wanted = {} }] of manifests) {
      for (const version of Object.values(wanted)) expect(version, name).toMatch(/^[\^~]?\d/);
    }
    expect([...manifests.keys()]).toContain('vmcraft');
  });

  it('run in a program of somebody else', async () => {
    const program = join(project, 'consumer.mjs');
    writeFileSync(
      program,
      `import { GuestFS } from 'vmcraft';
       import { plugin } from 'vmcraft-plugin-romfs';
       const g = await GuestFS.open('disk.qcow2', { readonly: true });
       await g.mountRoot();
       const release = await g.read('/etc/os-release');
       await g.close();
       const r = await GuestFS.open('romfs.img', { readonly: true, plugins: [plugin] });
       await r.mountRo('/dev/sda', '/');
       const hello = await r.read('/hello.txt');
       await r.close();
       console.log(JSON.stringify({ release, hello }));`,
    );
    const { stdout } = await run(process.execPath, [program], { cwd: project });
    const { release, hello } = JSON.parse(stdout) as Record<string, string>;
    expect(release).toMatch(/^ID=/m);
    expect(hello).toBe('hello from romfs\n');
  });

  it('have types that compile under NodeNext', async () => {
    const types = join(project, 'node_modules/@types');
    mkdirSync(types, { recursive: true });
    symlinkSync(realpathSync(join(REPOSITORY, 'node_modules/@types/node')), join(types, 'node'));
    const compilerOptions = {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      noEmit: true,
      preserveSymlinks: false,
      skipLibCheck: true,
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
    const source = (type: string): string => `
      import { FsError, GuestFS, type OperatingSystem } from 'vmcraft';
      import { definePlugin } from '@vmcraft/core';
      import { fsDriverCompliance } from '@vmcraft/testkit';
      import { plugin } from 'vmcraft-plugin-romfs';
      export async function main(): Promise<string> {
        await using g = await GuestFS.open('disk.qcow2', { readonly: true, plugins: [plugin, definePlugin(plugin)] });
        const systems: readonly OperatingSystem[] = await g.inspectOsInfo();
        const names: string[] = await g.ls('/');
        const text: ${type} = await g.read('/etc/hostname');
        if (!(new Error() instanceof FsError)) void fsDriverCompliance;
        return String(text) + names.length + systems.length;
      }`;
    const compile = async (text: string): Promise<string> => {
      writeFileSync(join(project, 'consumer.ts'), text);
      const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
      return run(process.execPath, [tsc, '-p', project], { cwd: project }).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
    };
    expect(await compile(source('string'))).toBe('');
    // The types are really there: a wrong one is found.
    expect(await compile(source('number'))).toMatch(/TS2322/);
  }, 120_000);

  describe('a plugin of somebody else', () => {
    it('is found by the program', async () => {
      const listed = await vmcraft(['plugins', '--json']);
      expect(listed.stderr).toBe('');
      const { plugins } = JSON.parse(listed.stdout) as { plugins: { plugin: string; name: string }[] };
      expect(plugins.map(({ plugin }) => plugin)).toContain('vmcraft-plugin-romfs');
      const names = await vmcraft(['ls', '-m', '/dev/sda', image, '/']);
      expect(names.stdout.trim().split('\n').sort()).toEqual(['folder', 'hello.txt']);
      const shell = await vmcraft(['--ro', '-a', image, '-m', '/dev/sda', '--run', 'cat /hello.txt']);
      expect(shell.stdout.trim()).toBe('hello from romfs');
      expect((await vmcraft(['filesystems', image])).stdout).toMatch(/\/dev\/sda/);
    });

    it('is not used where it is not installed', async () => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'vmcraft-elsewhere-'));
      try {
        const { status, stderr } = await cli(['ls', '-m', '/dev/sda', image, '/'], { cwd: elsewhere });
        expect([status, /\/dev\/sda/.test(stderr)]).toEqual([10, true]);
      } finally {
        rmSync(elsewhere, { recursive: true });
      }
    });

    it('is used when a configuration file names it', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vmcraft-config-'));
      try {
        const module = pathToFileURL(join(project, 'node_modules/vmcraft-plugin-romfs/dist/index.js')).href;
        const config = join(folder, 'vmcraft.config.mjs');
        writeFileSync(config, `import { plugin } from '${module}';\nexport default { plugins: [plugin] };\n`);
        const text = await vmcraft(['cat', '-m', '/dev/sda', image, '/folder/inner'], folder);
        expect([text.stdout, text.stderr, text.status]).toEqual(['inner\n', '', 0]);
        const named = await vmcraft(['--config', config, 'cat', '-m', '/dev/sda', image, '/folder/inner'], tmpdir());
        expect([named.stdout, named.status]).toEqual(['inner\n', 0]);
        writeFileSync(config, `export default { plugins: ['vmcraft-plugin-missing'] };\n`);
        const missing = await vmcraft(['cat', '-m', '/dev/sda', image, '/folder/inner'], folder);
        expect([missing.status, missing.stdout]).toEqual([11, '']);
        expect(missing.stderr).toMatch(/vmcraft-plugin-missing.*not installed/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('that is broken, or gets in the way of another, is left out and said so', async () => {
      addPackage(project, 'vmcraft-plugin-broken', "throw new Error('out of order');");
      addPackage(project, 'vmcraft-plugin-empty', 'export const nothing = 1;');
      addPackage(project, 'vmcraft-plugin-shapeless', "export const plugin = { name: 'shapeless' };");
      addPackage(project, 'vmcraft-plugin-twin', pluginSource('vmcraft-plugin-twin', 'romfs'));
      addPackage(project, 'vmcraft-plugin-other', pluginSource('vmcraft-plugin-other', 'other-fs'));
      for (const name of ['broken', 'empty', 'shapeless', 'twin', 'other'])
        dependencies[`vmcraft-plugin-${name}`] = '*';
      writeManifest();
      const text = await vmcraft(['cat', '-m', '/dev/sda', image, '/hello.txt']);
      expect([text.stdout, text.status], text.stderr).toEqual(['hello from romfs\n', 0]);
      for (const name of ['broken', 'empty', 'shapeless', 'twin']) {
        expect(text.stderr).toMatch(new RegExp(`warning: .*${name}`));
      }
      const listed = (await vmcraft(['plugins'])).stdout;
      expect(listed).toContain('vmcraft-plugin-other');
      expect(listed).not.toContain('vmcraft-plugin-twin');
    });

    it('that is broken is an error in code', async () => {
      const program = join(project, 'conflict.mjs');
      writeFileSync(
        program,
        `import { GuestFS, PluginError } from 'vmcraft';
         import { plugin } from 'vmcraft-plugin-romfs';
         import { plugin as twin } from 'vmcraft-plugin-twin';
         const failures = [];
         for (const plugins of [[plugin, twin], [{ name: 'shapeless' }], [{ ...plugin, apiVersion: 2 }]]) {
           try {
             await (await GuestFS.open('disk.qcow2', { readonly: true, plugins })).close();
             failures.push('none');
           } catch (error) {
             failures.push(error instanceof PluginError ? error.code : String(error));
           }
         }
         console.log(failures.join());`,
      );
      const { stdout } = await run(process.execPath, [program], { cwd: project });
      expect(stdout.trim()).toBe('VMC_PLUGIN_CONFLICT,VMC_PLUGIN_LOAD,VMC_PLUGIN_LOAD');
    });
  });

  it('have their licence and their text', () => {
    for (const name of manifests.keys()) {
      const manifest = JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8')) as {
        license?: string;
        description?: string;
      };
      expect(manifest.license, name).toBe('LGPL-3.0-or-later');
      expect(manifest.description, name).toBeTruthy();
    }
  });
});
