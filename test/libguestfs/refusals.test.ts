// What is said where a backend is missing: no program is started here.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGuest } from '@vmcraft/core/runtime';
import { findTool, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultPlugins, GuestFS } from 'vmcraft';

describe.runIf(requireTools('mkfs.f2fs', 'mkfs.xfs', 'qemu-img'))('without what a backend needs', () => {
  const path = process.env.PATH;
  let folder: string;
  const at = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    for (const [name, size, tool] of [
      ['f2fs', '64M', 'mkfs.f2fs'],
      ['xfs', '320M', 'mkfs.xfs'],
    ] as const) {
      execFileSync('truncate', ['-s', size, at(name)]);
      execFileSync(findTool(tool)!, ['-q', at(name)]);
    }
    execFileSync('qemu-img', ['create', '-q', '-f', 'vmdk', at('disk.vmdk'), '16M']);
    process.env.PATH = folder;
  });
  afterAll(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true, force: true });
  });

  it('no libguestfs: a file system that only it mounts names it, the reason, and what to install', async () => {
    await using g = await GuestFS.open(at('f2fs'), { format: 'raw' });
    const error = await g.mountRo('/dev/sda', '/').catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'VMC_NO_PROVIDER' });
    expect(String(error)).toMatch(/f2fs.*libguestfs: .*not installed.*\(install libguestfs-tools/s);
    expect(await g.filesystemAvailable('f2fs')).toBe(false);
    expect(await g.filesystemAvailable('ext4')).toBe(true);
  });

  it('no libguestfs: functions that need it say so, and `available` agrees', async () => {
    await using g = await GuestFS.open(at('f2fs'), { format: 'raw' });
    await expect(g.augInit('/', 0)).rejects.toThrow(/aug_init.*needs libguestfs.*not installed.*\(install/s);
    await expect(g.modprobe('nbd')).rejects.toThrow(/no kernel to load modules into.*needs libguestfs/s);
    expect(await g.featureAvailable(['augeas'])).toBe(false);
    await expect(g.available(['augeas'])).rejects.toMatchObject({ code: 'VMC_NO_CAPABILITY' });
  });

  it('a driver that only reads: it opens read-only, and the warning names who could write', async () => {
    // The host may mount it, whatever the search path says.
    const plugins = defaultPlugins.filter(({ name }) => name !== '@vmcraft/fs-host');
    const g = await GuestFS.open(at('xfs'), { format: 'raw', defaults: false, plugins });
    await g.mount('/dev/sda', '/');
    const warnings = g.session.warnings.map(({ message }) => message).join('\n');
    expect(warnings).toMatch(/opened read-only: .*no driver writes xfs.*libguestfs could: .*not installed/s);
    await expect(g.write('/x', 'y')).rejects.toMatchObject({ code: 'EROFS' });
    await g.rollback();
  });

  it('no qemu: writing a format that is only read here names the program and the way out', async () => {
    const error = await GuestFS.open(at('disk.vmdk')).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'VMC_NO_PROVIDER' });
    expect(String(error)).toMatch(/image: cannot write vmdk.*nbd: qemu-(nbd|img) is not installed.*read-only/s);
  });

  it('a backend that nobody has, or that has no libguestfs to work with, is refused by name', async () => {
    const unknown = await GuestFS.open(at('f2fs'), { format: 'raw', backend: 'docker' }).catch((e: unknown) => e);
    expect(String(unknown)).toMatch(/'docker' was asked for/);
    await using g = await GuestFS.open(at('xfs'), { format: 'raw', backend: 'libguestfs' });
    await expect(g.mountRo('/dev/sda', '/')).rejects.toThrow(/libguestfs: .*not installed/);
  });

  it('the choice of a provider says what was passed over', async () => {
    const told: string[] = [];
    const { session } = openGuest({ plugins: defaultPlugins });
    session.events.on('library', (text) => told.push(text));
    session.addDrive({ spec: { path: at('xfs'), format: 'raw', readonly: true } });
    await session.launch();
    await session.withFilesystem('/dev/sda', true, async () => undefined);
    expect(session.getPerformanceMetrics().providers.map(({ kind, provider }) => [kind, provider])).toEqual([
      ['backend', 'image'],
      ['filesystem', 'fs-xfs'],
    ]);
    expect(told.join('\n')).toMatch(/\/dev\/sda: filesystem fs-xfs: can read xfs, rank \d+/);
    await session.close();
  });
});
