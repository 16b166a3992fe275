import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { cli } from '../cli/run-cli.js';
import { diskCopy, withWindowsVolume } from './guest-disk.js';
import { LOADER } from './look-alike/bcd-hive.js';
import { LOOK_ALIKE_NEEDS } from './look-alike/build.js';
import { writePackage } from './virtio-tree.js';

const NEEDS = [...LOOK_ALIKE_NEEDS, 'mcopy', 'hivexget', 'hivexsh', 'ntfsfix', 'sha256sum'];
const CLASS = 'CurrentControlSet\\Control\\Class\\{4D36E96C-E325-11CE-BFC1-08002BE10318}';
const hivexget = (hive: string, ...words: string[]): string =>
  execFileSync('hivexget', [hive, ...words], { encoding: 'utf8' }).trim();

describe.runIf(requireTools(...NEEDS))('a Windows prepared to boot elsewhere', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-prepare-'));
    await cli(['--version']);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A file of the EFI system partition, as mtools has it. */
  function fromEsp(disk: Awaited<ReturnType<typeof diskCopy>>, path: string): Buffer {
    const { offset } = disk.built.layout.partitions.find((p) => p.role === 'esp')!;
    const target = join(folder, 'esp-file');
    execFileSync('mcopy', ['-n', '-o', '-i', `${disk.image}@@${offset}`, `::${path}`, target]);
    return readFileSync(target);
  }

  it('all steps on UEFI, as other tools see them', { timeout: 180_000 }, async () => {
    const disk = await diskCopy('win10-x64', folder);
    writePackage(join(folder, 'viostor'), 'viostor', 'amd64');
    await GuestFS.with(
      disk.image,
      async (g) => {
        await g.mountRoot();
        await g.registryWrite('SYSTEM', 'CurrentControlSet\\Services\\pvscsi', 'Start', 0, { type: 'dword' });
        await g.registryWrite('SYSTEM', CLASS, 'UpperFilters', ['vmmouse', 'kept'], { type: 'multi_sz' });
        await g.registryWrite('BCD', `Objects\\${LOADER}\\Elements\\16000046`, 'Element', Uint8Array.of(1), {
          type: 'binary',
        });
        await g.injectDriver(join(folder, 'viostor'));
      },
      { format: 'raw' },
    );
    const esp = `${disk.image}@@${disk.built.layout.partitions.find((p) => p.role === 'esp')!.offset}`;
    writeFileSync(join(folder, 'other.efi'), 'the loader of another system');
    execFileSync('mcopy', ['-n', '-o', '-i', esp, join(folder, 'other.efi'), '::/EFI/Boot/bootx64.efi']);
    const task = ['prepare-boot', '--all', '--heads', '255'];
    const dry = await cli([...task, '--dry-run', disk.image]);
    expect(dry).toMatchObject({ status: 0, stderr: 'vmcraft: dry run: the changes were not written\n' });
    expect(dry.stdout).toContain('switched off: pvscsi\n');
    const done = await cli([...task, '--json', disk.image]);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(done.stdout)).toMatchObject({ disabled: ['pvscsi'], bootEntries: [LOADER] });
    expect(JSON.parse(done.stdout).files).toContain('/dev/sda1:/EFI/Boot/BOOTX64.EFI');
    const loader = fromEsp(disk, '/EFI/Microsoft/Boot/bootmgfw.efi');
    expect(fromEsp(disk, '/EFI/BOOT/BOOTX64.EFI').equals(loader)).toBe(true);
    fromEsp(disk, '/EFI/Microsoft/Boot/BCD');
    const elements = execFileSync('hivexsh', [join(folder, 'esp-file')], {
      input: `cd \\Objects\\${LOADER}\\Elements\nls\n`,
      encoding: 'utf8',
    }).split('\n');
    expect(elements).toContain('12000004');
    expect(elements).not.toContain('16000046');
    const { offset } = disk.built.layout.partitions.find((p) => p.role === 'windows')!;
    const file = openSync(disk.image, 'r');
    const sector = Buffer.alloc(512);
    readSync(file, sector, 0, 512, offset);
    closeSync(file);
    expect(sector.readUInt16LE(0x1a)).toBe(255);
    await withWindowsVolume(disk, folder, (mounted, hives) => {
      const system = join(hives, 'SYSTEM');
      const at = (key: string, name: string): string => hivexget(system, `\\ControlSet001\\${key}`, name);
      expect(at('Control\\CrashControl', 'AutoReboot')).toBe('0');
      expect(at('Services\\partmgr\\Parameters', 'SanPolicy')).toBe('1');
      expect(at('Services\\pvscsi', 'Start')).toBe('4');
      expect(at(CLASS.replace('CurrentControlSet\\', ''), 'UpperFilters')).toBe('kept');
      expect(at('Services\\VMCraftFirstBoot', 'Start')).toBe('2');
      const script = join(mounted, 'Windows/VMCraft/firstboot/scripts/0001-install-drivers.cmd');
      expect(readFileSync(script, 'latin1')).toContain('pnputil.exe" -i -a "%%f"');
      expect(readFileSync(join(mounted, 'Windows/Drivers/VMCraft/viostor/viostor.inf')).length).toBeGreaterThan(100);
    });
    const again = JSON.parse(
      (await cli(['prepare-boot', '--fallback-loader', '--show-console', '--json', disk.image])).stdout,
    );
    expect(again).toMatchObject({ files: [], registry: [], bootEntries: [] });
  });

  it('Windows XP: heads in the boot sector, and no boot configuration to look for', { timeout: 120_000 }, async () => {
    const disk = await diskCopy('win7-x86', folder);
    const current = 'Microsoft\\Windows NT\\CurrentVersion';
    await GuestFS.with(
      disk.image,
      async (g) => {
        await g.mountRoot();
        await g.registryWrite('SOFTWARE', current, 'ProductName', 'Microsoft Windows XP', { type: 'sz' });
        await g.registryWrite('SOFTWARE', current, 'CurrentVersion', '5.1', { type: 'sz' });
        for (const name of ['CurrentBuild', 'CurrentBuildNumber']) {
          await g.registryWrite('SOFTWARE', current, name, '2600', { type: 'sz' });
        }
      },
      { format: 'raw' },
    );
    expect((await cli(['inspect', disk.image])).stdout).toContain('Microsoft Windows XP');
    const done = await cli(['prepare-boot', '--all', '--heads', '240', '--json', disk.image]);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const found = JSON.parse(done.stdout);
    expect(found).toMatchObject({ windows: 'Microsoft Windows XP', bootEntries: [] });
    expect(found.headsBefore).not.toBe(240);
    const { offset } = disk.built.layout.partitions.find((p) => p.role === 'windows')!;
    expect(readFileSync(disk.image).readUInt16LE(offset + 0x1a)).toBe(240);
    await withWindowsVolume(disk, folder, (_, hives) => {
      expect(hivexget(join(hives, 'SYSTEM'), '\\ControlSet001\\Control\\CrashControl', 'AutoReboot')).toBe('0');
    });
  });

  it('what cannot be done is an error, and nothing is written', { timeout: 120_000 }, async () => {
    const disk = await diskCopy('win7-x86', folder);
    const hash = (): string => execFileSync('sha256sum', [disk.image], { encoding: 'utf8' });
    const before = hash();
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /say what to prepare/],
      [['--stay-on-error', '--fallback-loader'], /does not boot by UEFI/],
      [['--heads', '300'], /1 to 255 heads, not 300/],
      [['--heads', 'many'], /heads/],
    ];
    for (const [options, message] of cases) {
      const { status, stderr } = await cli(['prepare-boot', ...options, disk.image]);
      expect(status, options.join(' ')).not.toBe(0);
      expect(stderr).toMatch(message);
      expect(hash()).toBe(before);
    }
  });
});
