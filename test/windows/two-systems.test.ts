import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../cli/run-cli.js';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { writePackage } from './virtio-tree.js';

const MIB = 1 << 20;
const SYSTEMS = ['win7-x86', 'win10-x64'] as const;
const CURRENT = 'Microsoft\\Windows NT\\CurrentVersion';

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS))('two Windows on one disk', () => {
  let folder = '';
  let disk = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-two-'));
    disk = join(folder, 'disk.raw');
    let at = MIB;
    const table: string[] = ['label: dos'];
    for (const id of SYSTEMS) {
      const built = await lookAlike(id);
      const { offset, size } = built.layout.partitions.find((p) => p.role === 'windows')!;
      const copy = [`if=${built.disk}`, `of=${disk}`, 'bs=1M', `skip=${offset / MIB}`, `seek=${at / MIB}`];
      execFileSync('dd', [...copy, `count=${size / MIB}`, 'conv=notrunc,sparse', 'status=none']);
      table.push(`start=${at / 512}, size=${size / 512}, type=7`);
      at += size;
    }
    execFileSync('truncate', ['-s', String(at + MIB), disk]);
    execFileSync('sfdisk', ['-q', '--no-reread', disk], { input: `${table.join('\n')}\n` });
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are both found', { timeout: 60_000 }, async () => {
    const { status, stdout } = await cli(['inspect', '--json', disk]);
    expect(status).toBe(0);
    const { operatingSystems } = JSON.parse(stdout);
    expect(
      operatingSystems.map((os: { root: string; productName: { value: string } }) => [os.root, os.productName.value]),
    ).toEqual([
      ['/dev/sda1', expect.stringContaining('Windows 7')],
      ['/dev/sda2', expect.stringContaining('Windows 10')],
    ]);
  });

  it('have their store packages in the report', { timeout: 60_000 }, async () => {
    const { operatingSystems } = JSON.parse((await cli(['inspect', '--json', disk])).stdout);
    const [seven, ten] = operatingSystems.map((os: unknown) => JSON.stringify(os));
    expect(ten).toContain('Microsoft.WindowsCalculator');
    expect(ten).toContain('"kind":"appx"');
    expect(seven).not.toContain('appx');
  });

  it('are addressed one by one; which one must be said', { timeout: 120_000 }, async () => {
    const ambiguous = await cli(['registry', disk, '--reg-read', 'SOFTWARE', CURRENT, 'ProductName']);
    expect(ambiguous.status).not.toBe(0);
    expect(ambiguous.stderr).toMatch(/\/dev\/sda1.*\/dev\/sda2/s);
    for (const [root, name] of [
      ['/dev/sda1', 'Windows 7'],
      ['/dev/sda2', 'Windows 10'],
    ] as const) {
      const read = ['registry', '--root', root, disk, '--reg-read', 'SOFTWARE', CURRENT, 'ProductName'];
      expect((await cli(read)).stdout).toContain(name);
    }
    writePackage(join(folder, 'viostor'), 'viostor', 'amd64');
    const inject = await cli(['inject-driver', '--root', '/dev/sda2', disk, join(folder, 'viostor')]);
    expect(inject).toMatchObject({ status: 0 });
    const boots = async (root: string): Promise<boolean> => {
      const { stdout } = await cli(['doctor', '--json', '--root', root, '--boot', disk]);
      return JSON.parse(stdout).buses.find((b: { bus: string }) => b.bus === 'virtio-blk').bootable;
    };
    expect(await boots('/dev/sda2')).toBe(true);
    expect(await boots('/dev/sda1')).toBe(false);
  });
});
