import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { inspectionReport } from '../../packages/vmcraft/src/inspect/report-schema.js';
import { cli, ext4Disk, scratchFolder } from './run-cli.js';

const SAMPLE = fileURLToPath(new URL('../../examples/sample-guest/debian.qcow2', import.meta.url));
const json = (text: string): Record<string, unknown[]> => JSON.parse(text);

describe('task commands', () => {
  const folder = scratchFolder();
  const copy = join(folder, 'copy.qcow2');

  beforeAll(async () => {
    writeFileSync(copy, readFileSync(SAMPLE));
    await cli(['--version']);
  });

  it('inspect', async () => {
    expect((await cli(['inspect', SAMPLE])).stdout).toContain('Debian GNU/Linux 12 (bookworm) on /dev/sda2');
    const report = json((await cli(['inspect', '--json', SAMPLE])).stdout);
    expect(report).toMatchObject({
      schemaVersion: 1,
      operatingSystems: [{ hostname: { value: 'sample', source: '/etc/hostname' } }],
    });
    expect(inspectionReport.parse(report)).toEqual(report);
    expect((await cli(['inspect', '--xml', '-a', SAMPLE])).stdout).toContain('<distro>debian</distro>');
    expect((await cli(['inspect', '--yaml', SAMPLE])).stdout).toContain('schemaVersion: 1');
  });

  it('filesystems, as virt-filesystems shows them', async () => {
    expect((await cli(['filesystems', SAMPLE])).stdout).toBe('/dev/sda1\n/dev/sda2\n');
    expect((await cli(['filesystems', '--all', '--long', '--csv', SAMPLE])).stdout).toBe(
      [
        'Name,Type,VFS,Label,MBR,Size,Parent',
        '/dev/sda1,filesystem,vfat,ESP,,8357888,',
        '/dev/sda2,filesystem,ext4,root,,48786432,',
        '/dev/sda1,partition,,,,8388608,/dev/sda',
        '/dev/sda2,partition,,,,57654784,/dev/sda',
        '/dev/sda,device,,,,67108864,\n',
      ].join('\n'),
    );
    const { filesystems } = json((await cli(['--json', 'filesystems', SAMPLE])).stdout);
    expect(filesystems).toMatchObject([
      { name: '/dev/sda1', vfs: 'vfat' },
      { name: '/dev/sda2', label: 'root', mbr: null },
    ]);
  });

  it('filesystems --tree draws the stack', async () => {
    expect((await cli(['filesystems', '--tree', SAMPLE])).stdout).toBe(
      [
        '/dev/sda     disk        64M  table:gpt',
        '├─/dev/sda1  partition  8.0M  vfat       "ESP" /boot/efi',
        '└─/dev/sda2  partition   55M  ext4       "root" /\n',
      ].join('\n'),
    );
    const { devices } = json((await cli(['--json', 'filesystems', '--tree', SAMPLE])).stdout);
    expect(devices).toMatchObject([
      { name: '/dev/sda', kind: 'disk', size: 67_108_864, parents: [], children: ['/dev/sda1', '/dev/sda2'] },
      { name: '/dev/sda1', type: 'vfat', parents: ['/dev/sda'], children: [] },
      { name: '/dev/sda2', type: 'ext4', label: 'root', uses: ['/'] },
    ]);
  });

  it('df and ls', async () => {
    expect((await cli(['df', SAMPLE])).stdout).toMatch(
      /^Filesystem +1K-blocks +Used +Available +Use%\ndebian.qcow2:\/dev\/sda1 +8162 +6 +8156 +1%\n/,
    );
    expect((await cli(['ls', SAMPLE, '/etc'])).stdout.split('\n')).toContain('hostname');
    expect((await cli(['ls', '-lR', '--csv', '--checksum', SAMPLE, '/etc/ssh'])).stdout).toBe(
      'd,0755,1024,,/etc/ssh\n-,0644,19,82f8b7e15652bf3bc66cf84ba4620dbd,/etc/ssh/sshd_config\n',
    );
    const { entries } = json((await cli(['ls', '--json', '-R', SAMPLE, '/etc'])).stdout);
    expect(entries).toContainEqual(
      expect.objectContaining({ path: '/etc/os-release', type: 'l', target: '../usr/lib/os-release' }),
    );
  });

  it('cat', async () => {
    expect(await cli(['cat', SAMPLE, '/etc/hostname'])).toMatchObject({ status: 0, stdout: 'sample\n' });
    expect((await cli(['cat', '-a', SAMPLE, '-m', '/dev/sda2', '/etc/hostname'])).stdout).toBe('sample\n');
    expect(json((await cli(['cat', '--json', SAMPLE, '/etc/hostname'])).stdout)).toEqual({
      files: [{ path: '/etc/hostname', content: 'sample\n' }],
    });
  });

  it('copies in and out', async () => {
    mkdirSync(join(folder, 'in/deep'), { recursive: true });
    writeFileSync(join(folder, 'in/deep/file'), 'content');
    expect(await cli(['copy-in', copy, 'in', '/root'], { cwd: folder })).toMatchObject({ status: 0 });
    expect((await cli(['cat', copy, '/root/in/deep/file'])).stdout).toBe('content');
    mkdirSync(join(folder, 'out'));
    expect(await cli(['copy-out', copy, '/root/in', '/usr/lib/os-release', 'out'], { cwd: folder })).toMatchObject({
      status: 0,
    });
    expect(readFileSync(join(folder, 'out/in/deep/file'), 'utf8')).toBe('content');
    const tar = await cli(['tar-out', copy, '/etc', join(folder, 'etc.tar.gz')]);
    expect(tar.status).toBe(0);
    expect(execFileSync('tar', ['tzf', join(folder, 'etc.tar.gz')]).toString()).toContain('./hostname');
    expect(await cli(['tar-in', copy, join(folder, 'etc.tar.gz'), '/root'])).toMatchObject({ status: 0 });
    expect((await cli(['cat', copy, '/root/hostname'])).stdout).toBe('sample\n');
  });

  it('writes nothing with --dry-run', async () => {
    const hash = (): string => createHash('sha256').update(readFileSync(copy)).digest('hex');
    const before = hash();
    const dry = await cli(['copy-in', '--dry-run', copy, SAMPLE, '/root']);
    expect(dry.stderr).toContain('dry run: the changes were not written');
    expect((await cli(['copy-out', '--dry-run', copy, '/etc', folder])).stderr).toContain('would copy /etc');
    expect(existsSync(join(folder, 'etc'))).toBe(false);
    expect(hash()).toBe(before);
  });

  it('says what went wrong by exit code, in a line, with causes, and as JSON', async () => {
    expect(await cli(['cat', SAMPLE, '/nosuch'])).toMatchObject({
      status: 13,
      stderr: expect.stringMatching(/^vmcraft: .*\/nosuch: No such file or directory\n$/),
    });
    expect((await cli(['cat', join(folder, 'missing.img'), '/x'])).status).toBe(3);
    expect((await cli(['inspect'])).status).toBe(2);
    expect((await cli(['cat', SAMPLE])).status).toBe(2);
    const broken = join(folder, 'broken.qcow2');
    writeFileSync(broken, readFileSync(SAMPLE).subarray(0, 5000));
    const { status, stderr } = await cli(['--json', 'inspect', broken]);
    expect([4, 5]).toContain(status);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({
      exitCode: status,
      error: { code: expect.stringMatching(/^VMC_/) },
    });
    expect((await cli(['--verbose', 'inspect', broken])).stderr).toMatch(/error: \w+ \[VMC_/);
  });

  it('inspect of a disk without a system says so once', async () => {
    const disk = join(folder, 'no-system.img');
    ext4Disk(disk);
    const people = await cli(['inspect', disk]);
    expect(people).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^vmcraft: no operating system/) });
    const programs = await cli(['inspect', '--json', disk]);
    expect(json(programs.stdout)).toEqual({ schemaVersion: 1, operatingSystems: [] });
    expect(programs.status).toBe(people.status);
    expect(people.status).not.toBe(0);
  });

  it('has help that teaches', async () => {
    expect((await cli(['--help'])).stdout).toContain('$ vmcraft inspect disk.qcow2');
    expect((await cli(['help', 'ls'])).stdout).toContain('--checksum');
    expect((await cli(['help', 'mkdir-mode'])).stdout).toContain('mkdir-mode path mode');
    expect((await cli(['help', 'nosuch'])).stderr).toContain('command not known');
  });

  it('doctor and plugins', async () => {
    const { providers } = json((await cli(['doctor', '--json'])).stdout);
    expect(providers).toContainEqual(expect.objectContaining({ kind: 'backend', name: 'image' }));
    expect((await cli(['plugins'])).stdout).toMatch(/@vmcraft\/fs-ext +filesystem/);
    const { jobs } = json((await cli(['plugins', '--json', '--explain', 'ext4'])).stdout);
    expect(jobs).toContainEqual(expect.objectContaining({ ability: 'read', chosen: expect.stringMatching(/ext$/) }));
  });
});

describe.runIf(requireTools('mke2fs', 'sfdisk'))('copying out of a hostile guest', () => {
  const folder = scratchFolder();

  it('makes links as links and writes through none of them', async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'd/sub'), { recursive: true });
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(tree, 'd/abs'));
    symlinkSync('../../../../../../etc', join(tree, 'd/up'));
    symlinkSync('loop', join(tree, 'd/loop'));
    writeFileSync(join(tree, 'd/sub/file'), 'x');
    const disk = join(folder, 'disk.img');
    ext4Disk(disk, { megabytes: 8, from: tree });
    const target = join(folder, 'target');
    mkdirSync(target);
    const { status, stderr } = await cli(['copy-out', disk, '/d', target]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/abs: its target .* is outside of the copy: the link is left out/);
    expect(readFileSync(join(target, 'd/sub/file'), 'utf8')).toBe('x');
    for (const name of ['abs', 'up']) {
      const path = join(target, 'd', name);
      // Either left out or harmless: it must not lead out of the target.
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
      expect(join(target, 'd', readlinkSync(path)).startsWith(target)).toBe(true);
    }
    // A second copy meets the links of the first; nothing may go through them.
    await cli(['copy-out', disk, '/d', target]);
    expect(execFileSync('ls', ['-A', outside]).toString()).toBe('');
  });
});
