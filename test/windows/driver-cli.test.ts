import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../cli/run-cli.js';
import { diskCopy, withWindowsVolume } from './guest-disk.js';
import { LOOK_ALIKE_NEEDS } from './look-alike/build.js';
import { writePackage, writeVirtioTree } from './virtio-tree.js';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
const hivexget = (hive: string, ...words: string[]): string =>
  execFileSync('hivexget', [hive, ...words], { encoding: 'utf8' }).trim();

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'hivexget', 'ntfsfix', 'xorriso'))(
  'Windows drivers on the command line',
  () => {
    let folder = '';
    let disk: Awaited<ReturnType<typeof diskCopy>>;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'vmcraft-drivers-'));
      writeVirtioTree(join(folder, 'virtio'));
      for (const name of ['viostor', 'NetKVM', 'vioscsi']) {
        writePackage(join(folder, 'drivers', name), name.toLowerCase(), 'amd64');
      }
      await cli(['--version']);
    }, 120_000);
    beforeEach(async () => {
      disk = await diskCopy('win10-x64', folder);
    }, 120_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('the example injects three drivers and sets the start type', { timeout: 120_000 }, async () => {
      const outfile = join(folder, 'example.mjs');
      const text = readFileSync(join(repository, 'examples/windows-driver-inject.ts'), 'utf8');
      await build({
        stdin: { contents: text, loader: 'ts', resolveDir: join(repository, 'test'), sourcefile: 'example.ts' },
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        conditions: ['@vmcraft/source'],
        banner: {
          js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
        },
        logLevel: 'error',
      });
      const output = execFileSync(process.execPath, [outfile, disk.image, join(folder, 'drivers')], {
        encoding: 'utf8',
      });
      expect(output).toMatch(/viostor\.inf 100\.95\.104\.26200 is oem\d+\.inf, 9 files/);
      for (const bus of ['ide', 'sata', 'virtio-blk', 'virtio-scsi', 'nvme'])
        expect(output).toContain(`${bus}: boots\n`);
      await withWindowsVolume(disk, folder, (_, hives) => {
        const system = join(hives, 'SYSTEM');
        for (const [name, start] of [
          ['viostor', '0'],
          ['vioscsi', '0'],
          ['netkvm', '3'],
        ] as const) {
          expect(hivexget(system, `\\ControlSet001\\Services\\${name}`, 'Start')).toBe(start);
        }
      });
    });

    it('inject-virtio, doctor --boot', { timeout: 120_000 }, async () => {
      const before = await cli(['doctor', '--boot', disk.image]);
      expect(before.stderr).toBe('');
      expect(before.stdout).toContain('virtio-blk, legacy: no driver is bound to PCI\\VEN_1AF4&DEV_1001\n');
      expect(before.stdout).toContain('It boots from ide, sata, nvme.\n');
      const dry = await cli(['inject-virtio', '--dry-run', disk.image, join(folder, 'virtio')]);
      expect(dry.status).toBe(0);
      expect((await cli(['doctor', '--boot', disk.image])).stdout).toBe(before.stdout);
      const done = await cli(['inject-virtio', '--driver', 'viostor', disk.image, join(folder, 'virtio')]);
      expect(done.stdout).toContain('viostor.inf 100.95.104.26200 is oem9.inf: viostor (boot)\n');
      expect(done.stdout).not.toContain('netkvm');
      const report = JSON.parse((await cli(['doctor', '--json', '--boot', disk.image])).stdout);
      expect(report.buses.find((b: { bus: string }) => b.bus === 'virtio-blk')).toMatchObject({
        bootable: true,
        devices: [
          {
            device: 'legacy',
            inf: 'oem9.inf',
            service: 'viostor',
            start: 'boot',
            file: '/Windows/System32/drivers/viostor.sys',
          },
          { device: 'modern', problems: [] },
        ],
      });
      expect(report.buses.find((b: { bus: string }) => b.bus === 'virtio-scsi')).toMatchObject({ bootable: false });
      const iso = join(folder, 'virtio-win.iso');
      execFileSync('xorriso', ['-as', 'mkisofs', '-quiet', '-J', '-R', '-o', iso, join(folder, 'virtio')], {
        stdio: 'ignore',
      });
      const fromIso = await cli(['inject-virtio', '--driver', 'vioscsi', '--driver', 'NetKVM', disk.image, iso]);
      expect(fromIso.status).toBe(0);
      expect(fromIso.stdout).toContain('vioscsi.inf 100.95.104.26200 is oem11.inf: vioscsi (boot)\n');
      expect((await cli(['doctor', '--boot', disk.image])).stdout).toContain(
        'It boots from ide, sata, virtio-blk, virtio-scsi, nvme.\n',
      );
    });

    it('inject-driver as a task and as an option of the shell', { timeout: 120_000 }, async () => {
      const drivers = join(folder, 'drivers');
      const task = await cli(['inject-driver', '--json', disk.image, join(drivers, 'NetKVM'), 'netkvm.inf']);
      expect(JSON.parse(task.stdout)).toMatchObject({ packages: [{ inf: 'netkvm.inf', className: 'Net' }] });
      const real = fileURLToPath(new URL('../../../shared/data/driver/qemufwcfg', import.meta.url));
      if (existsSync(real)) {
        const found = await cli(['inject-driver', '--dry-run', disk.image, real]);
        expect(found.stdout).toContain('qemufwcfg.inf 1.0.0.0 is oem10.inf, signed by Red Hat, Inc.\n');
      }
      const shell = await cli(['-a', disk.image, '--inject-driver', join(drivers, 'viostor'), 'viostor.inf']);
      expect(shell.stderr).not.toContain('error');
      expect(shell.status).toBe(0);
      expect((await cli(['doctor', '--boot', disk.image])).stdout).toContain(
        'It boots from ide, sata, virtio-blk, nvme.',
      );
      const wrong = await cli(['inject-driver', disk.image, join(folder, 'virtio/viostor/w10/ARM64')]);
      expect(wrong.status).not.toBe(0);
      expect(wrong.stderr).toContain('viostor.sys of viostor.inf is for arm64, not for amd64');
    });

    it('firstboot, set-service, reset-password', { timeout: 120_000 }, async () => {
      writeFileSync(join(folder, 'hello.cmd'), 'echo hello\necho wörld\n');
      writeFileSync(join(folder, 'more.ps1'), 'Write-Output "grüß"\n');
      writeFileSync(join(folder, 'secret'), 'hunter2\n');
      const scripts = [join(folder, 'hello.cmd'), join(folder, 'more.ps1')];
      const done = await cli(['firstboot', disk.image, ...scripts]);
      expect(done.stdout).toContain('/Windows/VMCraft/firstboot/scripts/0002-more.ps1 runs at the next boot\n');
      expect((await cli(['firstboot', disk.image, join(folder, 'secret')])).stderr).toContain('neither a batch file');
      expect((await cli(['set-service', disk.image, 'Dhcp', 'disabled'])).status).toBe(0);
      expect((await cli(['set-service', disk.image, 'LSI_SAS', 'boot'])).status).toBe(0);
      expect((await cli(['set-service', disk.image, 'Dhcp', 'boot'])).stderr).toContain('no driver');
      expect((await cli(['set-service', disk.image, 'Nope', 'auto'])).stderr).toContain("no service 'Nope'");
      expect((await cli(['reset-password', disk.image, 'alice'])).status).toBe(0);
      expect((await cli(['reset-password', disk.image, 'nobody'])).stderr).toContain(
        "no local account is called 'nobody'",
      );
      await withWindowsVolume(disk, folder, (mounted, hives) => {
        const system = join(hives, 'SYSTEM');
        const service = '\\ControlSet001\\Services\\VMCraftFirstBoot';
        expect(hivexget(system, service, 'ImagePath')).toBe(
          '%SystemRoot%\\System32\\cmd.exe /d /c start /b %SystemRoot%\\System32\\cmd.exe /d /c %SystemRoot%\\VMCraft\\firstboot\\run.cmd',
        );
        expect(hivexget(system, service, 'Start')).toBe('2');
        expect(hivexget(system, '\\ControlSet001\\Services\\Dhcp', 'Start')).toBe('4');
        expect(hivexget(system, '\\ControlSet001\\Services\\LSI_SAS', 'Start')).toBe('0');
        const at = join(mounted, 'Windows/VMCraft/firstboot');
        expect(readFileSync(join(at, 'scripts/0001-hello.cmd'), 'utf8')).toBe('echo hello\r\necho wörld\r\n');
        expect(readFileSync(join(at, 'scripts/0002-more.ps1'), 'utf8')).toBe('\ufeffWrite-Output "grüß"\r\n');
        const runner = readFileSync(join(at, 'run.cmd'), 'latin1');
        expect(runner.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        expect(runner.indexOf('move /y')).toBeLessThan(runner.indexOf('/d /c call'));
        expect(runner).toContain('sc.exe" delete VMCraftFirstBoot');
      });
    });
  },
);
