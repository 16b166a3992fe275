import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools, seededRandom } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { diskCopy } from './guest-disk.js';
import { LOOK_ALIKE_NEEDS } from './look-alike/build.js';
import { portableExecutable } from './look-alike/machine-code.js';
import { writePackage, writeVirtioTree } from './virtio-tree.js';

const KILLS = 8;

const SIGNED = fileURLToPath(new URL('../../../shared/data/driver/qemufwcfg', import.meta.url));

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'genisoimage'))('driver injection that must not happen', () => {
  let folder = '';
  let x64: Awaited<ReturnType<typeof diskCopy>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-refuse-'));
    writeVirtioTree(join(folder, 'virtio'));
    x64 = await diskCopy('win10-x64', folder);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A package of its own for one test, changed by `edit`. */
  function packageOf(name: string, edit: (folder: string) => void): string {
    const path = join(folder, name);
    writePackage(path, 'vioscsi', 'amd64');
    edit(path);
    return path;
  }
  const replace = (file: string, from: string | RegExp, to: string): void =>
    writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));

  /** The error of an injection, and that it wrote nothing: the session has nothing to commit. */
  async function refused(drivers: string, inf?: string): Promise<string> {
    const g = await GuestFS.open(x64.image, { format: 'raw' });
    try {
      await g.mountRoot();
      await g.sync();
      const error = await g.injectDriver(drivers, inf).then(
        () => new Error('nothing was refused'),
        (thrown: Error) => thrown,
      );
      expect(g.session.services.transaction.dirty, error.message).toBe(false);
      expect(await g.isFile('/Windows/System32/drivers/vioscsi.sys')).toBe(false);
      return error.message;
    } finally {
      await g.rollback();
    }
  }

  it('says what is wrong, and writes nothing', { timeout: 120_000 }, async () => {
    const inf = (path: string): string => join(path, 'vioscsi.inf');
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        packageOf('arch', (p) => replace(inf(p), /NTamd64[^\r\n]*/, 'NTarm64')),
        /no device for architecture amd64: Windows 10\.0\.19045 amd64; it is for NTx86,NTarm64|NTx86/,
      ],
      [
        packageOf('newer', (p) => replace(inf(p), /= Devices,[^\r\n]*/, '= Devices,NTamd64.10.0...22000')),
        /no device for this release of Windows.*NTamd64\.10\.0\.\.\.22000/,
      ],
      [
        packageOf('unsigned', (p) => rmSync(join(p, 'vioscsi.cat'))),
        /lacks its catalog vioscsi\.cat: a 64-bit Windows loads no unsigned driver/,
      ],
      [
        packageOf('fake', (p) => writeFileSync(join(p, 'vioscsi.cat'), 'no catalog')),
        /has a catalog vioscsi\.cat that is none/,
      ],
      [
        packageOf('altered', (p) =>
          writeFileSync(join(p, 'vioscsi.sys'), portableExecutable('amd64', 'native', 'evil')),
        ),
        /vioscsi\.sys is not the file that vioscsi\.cat vouches for: a 64-bit Windows loads no unsigned driver/,
      ],
      [packageOf('missing', (p) => rmSync(join(p, 'vioscsi.sys'))), /needs files that are not there: vioscsi\.sys/],
      [
        packageOf('other', (p) => writePackage(p, 'vioscsi', 'x86')),
        /vioscsi\.sys of vioscsi\.inf is for x86, not for amd64/,
      ],
      [packageOf('text', (p) => writeFileSync(join(p, 'vioscsi.sys'), 'text')), /is no Windows driver/],
      [packageOf('noinf', (p) => rmSync(inf(p))), /no INF lies in/],
      [packageOf('broken', (p) => writeFileSync(inf(p), 'hello')), /corrupt vioscsi\.inf\.Version\.Signature/],
      [packageOf('section', (p) => replace(inf(p), '[vioscsi_Service]', '[gone]')), /no section \[vioscsi_Service\]/],
      [join(folder, 'nowhere'), /No such file or directory/],
    ];
    for (const [path, message] of cases) expect(await refused(path)).toMatch(message);
    if (existsSync(SIGNED)) {
      const changed = join(folder, 'changed');
      cpSync(SIGNED, changed, { recursive: true });
      const catalog = readFileSync(join(changed, 'qemufwcfg.cat'));
      // A letter of the name that the catalog has for its file.
      catalog[catalog.indexOf(Buffer.from('q\0e\0m\0u'))]! ^= 1;
      writeFileSync(join(changed, 'qemufwcfg.cat'), catalog);
      expect(await refused(changed)).toMatch(/has a catalog qemufwcfg\.cat that was changed after it was signed/);
    }
    expect(await refused(join(folder, 'virtio/viostor/w10/amd64'), 'gone.inf')).toMatch(/gone\.inf.*No such file/);
  });

  it('takes an unsigned package where it is told to, and leaves out INFs for another Windows', {
    timeout: 60_000,
  }, async () => {
    const mixed = packageOf('mixed', (p) => {
      rmSync(join(p, 'vioscsi.cat'));
      copyFileSync(join(folder, 'virtio/viostor/w10/ARM64/viostor.inf'), join(p, 'viostor.inf'));
      const text = readFileSync(join(p, 'viostor.inf'), 'utf16le').replace(/= Devices,[^\r\n]*/, '= Devices,NTarm64');
      writeFileSync(join(p, 'viostor.inf'), text, 'utf16le');
    });
    const g = await GuestFS.open(x64.image, { format: 'raw' });
    await g.mountRoot();
    const result = await g.injectDriver(mixed, { allowunsigned: true });
    expect(result.warnings.join()).toContain('a 64-bit Windows loads no unsigned driver');
    expect(result.skipped).toEqual([{ inf: 'viostor.inf', reason: expect.stringContaining('architecture amd64') }]);
    const scsi = (await g.verifyDrivers()).buses.find((b) => b.bus === 'virtio-scsi')!;
    expect(scsi.devices[0]!.problems).toEqual([
      'vioscsi has no catalog, and a 64-bit Windows loads no unsigned driver',
    ]);
    await g.rollback();
  });

  it('leaves a hibernated guest alone, and one that is mounted read-only', { timeout: 60_000 }, async () => {
    const { image } = await diskCopy('win11-x64', folder);
    const drivers = join(folder, 'virtio/viostor/w11/amd64');
    await GuestFS.with(
      image,
      async (g) => {
        await g.mountRoot();
        const root = (await g.mountpoints())[(await g.inspectOs())[0]!];
        expect(root).toBe('/');
        await g.write('/hiberfil.sys', 'HIBR'.padEnd(8192, '\0'));
      },
      { format: 'raw' },
    );
    const g = await GuestFS.open(image, { format: 'raw' });
    await g.mountRoot();
    expect((await g.inspectOsInfo())[0]?.windows?.hibernated?.value).toBe(true);
    await expect(g.injectDriver(drivers)).rejects.toThrow(/Windows is hibernated/);
    await expect(g.resetPassword('Alice')).rejects.toThrow(/Windows is hibernated/);
    await g.rollback();
    const reader = await GuestFS.open(x64.image, { format: 'raw', readonly: true });
    await reader.mountRoot();
    await expect(reader.injectDriver(drivers)).rejects.toThrow(/[Rr]ead-only/);
    await reader.close();
  });

  it('takes back what it wrote when the volume is full', { timeout: 60_000 }, async () => {
    const g = await GuestFS.open(x64.image, { format: 'raw' });
    await g.mountRoot();
    const { blocks, bsize, bfree } = await g.statvfs('/');
    expect(blocks).toBeGreaterThan(0);
    await g.fallocate64('/filler', Number(bfree) * Number(bsize) - (4 << 20));
    await expect(g.injectDriver(join(folder, 'virtio/viostor/w10/amd64'))).rejects.toThrow(/No space left/);
    expect(await g.isDir('/Windows/Drivers')).toBe(false);
    await g.rollback();
  });

  it('finds the drivers on an ISO, and says what it lacks', { timeout: 60_000 }, async () => {
    const iso = join(folder, 'virtio-win.iso');
    execFileSync('genisoimage', ['-quiet', '-J', '-R', '-o', iso, join(folder, 'virtio')], { stdio: 'ignore' });
    const g = await GuestFS.open(x64.image, { format: 'raw' });
    await g.mountRoot();
    await expect(g.injectVirtio(iso, { drivers: ['viostor', 'qxl'] })).rejects.toThrow(
      /has no qxl for Windows 10\.0\.19045/,
    );
    symlinkSync('virtio-win.iso', join(folder, 'link.iso'));
    const { packages } = await g.injectVirtio(join(folder, 'link.iso'), { drivers: ['viostor', 'NetKVM'] });
    expect(packages.map(({ inf }) => inf)).toEqual(['netkvm.inf', 'viostor.inf']);
    const folderOf = await g.injectVirtio(join(folder, 'virtio'), { drivers: ['viostor', 'netkvm'] });
    expect(folderOf, 'the same packages').toMatchObject({ files: [], registry: [] });
    const text = join(folder, 'text.iso');
    writeFileSync(text, 'x'.repeat(1 << 20));
    await expect(g.injectVirtio(text)).rejects.toThrow(/unknown file system|does not/);
    await expect(g.injectVirtio(join(folder, 'mixed'))).rejects.toThrow(/nothing that is laid out as virtio-win is/);
    await g.rollback();
  });

  it('switches off the drivers of the hypervisor before', { timeout: 60_000 }, async () => {
    const g = await GuestFS.open(x64.image, { format: 'raw' });
    await g.mountRoot();
    const services = 'ControlSet001\\Services';
    const mouse = 'ControlSet001\\Control\\Class\\{4d36e96f-e325-11ce-bfc1-08002be10318}';
    for (const name of ['pvscsi', 'vmci', 'xenbus']) {
      await g.registryWrite('SYSTEM', `${services}\\${name}`, 'Start', 0, { type: 'dword' });
    }
    await g.registryWrite('SYSTEM', mouse, 'UpperFilters', ['VMMouse', 'mouclass'], { type: 'REG_MULTI_SZ' });
    const { disabled } = await g.injectDriver(join(folder, 'virtio/viostor/w10/amd64'), { disableformer: true });
    expect(disabled).toEqual(['pvscsi', 'vmci', 'xenbus']);
    expect(await g.registryRead('SYSTEM', `${services}\\pvscsi`, 'Start')).toBe(4);
    expect(await g.registryRead('SYSTEM', mouse, 'UpperFilters')).toEqual(['mouclass']);
    expect(await g.registryRead('SYSTEM', `${services}\\viostor`, 'Start')).toBe(0);
    await g.rollback();
  });

  it(`is whole or absent after SIGKILL, ${KILLS} times`, { timeout: 240_000 }, async () => {
    const program = join(folder, 'child.mjs');
    await build({
      stdin: {
        contents: `import { GuestFS } from 'vmcraft';
          const [disk, drivers] = process.argv.slice(2);
          await GuestFS.with(disk, async (g) => {
            await g.mountRoot();
            process.stdout.write('go\\n');
            await g.injectVirtio(drivers);
            process.stdout.write('injected\\n');
          }, { format: 'raw' });
          process.stdout.write('done\\n');`,
        loader: 'ts',
        resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      },
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      conditions: ['@vmcraft/source'],
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
      },
      logLevel: 'error',
    });
    const images = join(folder, 'kill');
    mkdirSync(images);
    const random = seededRandom(3);
    const seen = { whole: 0, absent: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      const { image } = await diskCopy('win10-x64', images);
      // Half of the kills come while it injects, half from the moment on at which it begins to commit.
      await killed(program, [image, join(folder, 'virtio')], kill % 2 === 0 ? 'go' : 'injected', random() * 500);
      const g = await GuestFS.open(image, { format: 'raw', readonly: true });
      await g.mountRoot();
      const bootable = (await g.verifyDrivers()).buses.filter((b) => b.bootable).map((b) => b.bus);
      const files = await Promise.all(
        ['drivers/viostor.sys', 'drivers/vioscsi.sys', 'drivers/netkvm.sys'].map((f) =>
          g.isFile(`/Windows/System32/${f}`),
        ),
      );
      await g.close();
      const isWhole = bootable.includes('virtio-blk');
      expect(bootable.includes('virtio-scsi'), `kill ${kill}`).toBe(isWhole);
      expect(files, `kill ${kill}`).toEqual([isWhole, isWhole, isWhole]);
      seen[isWhole ? 'whole' : 'absent']++;
    }
    expect(seen.absent).toBeGreaterThan(0);
    expect(seen.whole + seen.absent).toBe(KILLS);
  });
});

/** Run a program until it prints a word and some milliseconds have passed, and kill it. */
async function killed(program: string, args: readonly string[], word: string, delay: number): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let isArmed = false;
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
    if (isArmed || !output.includes(word)) return;
    isArmed = true;
    setTimeout(() => child.kill('SIGKILL'), delay);
  });
  await new Promise((resolve) => child.on('close', resolve));
  expect(isArmed, output).toBe(true);
}
