import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { asGuestfish, cli, ext4Disk, scratchFolder } from './run-cli.js';

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.runIf(requireTools('mke2fs', 'sfdisk'))('the shell', () => {
  const folder = scratchFolder();
  const disk = join(folder, 'disk.img');
  const on = ['-a', disk, '-m', '/dev/sda1'];
  let guestfish: string;

  beforeAll(async () => {
    ext4Disk(disk, { megabytes: 8 });
    guestfish = asGuestfish(folder);
    await cli(['--version']);
  });

  it('runs commands of the command line, a script, and --run', async () => {
    expect(await cli([...on, 'write', '/a', 'x y', ':', 'cat', '/a'])).toMatchObject({ status: 0, stdout: 'x y\n' });
    writeFileSync(join(folder, 's'), '# comment\n\ncat /a\n-cat /nosuch\necho "a\\tb" | tr a-z A-Z\n');
    const script = await cli([...on, '-f', 's'], { cwd: folder });
    expect(script).toMatchObject({ status: 0, stdout: 'x y\nA\tB\n' });
    expect(script.stderr).toBe('s:4: vmcraft: error: cat: /nosuch: No such file or directory\n');
    expect(await cli([...on, '--run', 'cat /a', '--run', 'is-file /a'])).toMatchObject({
      status: 0,
      stdout: 'x y\ntrue\n',
    });
  });

  it('reads - and heredocs from where its script comes', async () => {
    const input = 'upload -<<END /here\none\ntwo\nEND\ncat /here\nupload - /rest\nraw \\ "text\n';
    expect(await cli(on, { input })).toMatchObject({ status: 0, stdout: 'one\ntwo\n\n' });
    expect((await cli([...on, 'cat', '/rest'])).stdout).toBe('raw \\ "text\n\n');
    const bytes = Buffer.from([0, 255, 10, 13, 0]);
    await cli([...on, 'upload', '-', '/bytes'], { input: bytes });
    expect((await cli([...on, '--run', 'filesize /bytes'])).stdout).toBe('5\n');
  });

  it('drops everything when a command fails, and under the name guestfish keeps what came before', async () => {
    const before = sha256(disk);
    const ours = await cli([...on, 'write', '/lost', 'x', ':', 'cat', '/nosuch', ':', 'write', '/later', 'x']);
    expect(ours.status).toBe(1);
    expect(ours.stderr).toContain('nothing was written');
    expect(sha256(disk)).toBe(before);
    const theirs = await cli([...on, 'write', '/kept', 'x', ':', 'cat', '/nosuch', ':', 'write', '/later', 'x'], {
      program: guestfish,
    });
    expect(theirs).toMatchObject({ status: 1, stderr: 'libguestfs: error: cat: /nosuch: No such file or directory\n' });
    expect((await cli([...on, 'glob', 'echo', '/[kl]*'])).stdout).toBe('/kept\n/lost+found/\n');
  });

  it('gives the class of an error as exit code of --run', async () => {
    expect((await cli([...on, '--run', 'cat /nosuch'])).status).toBe(13);
    expect((await cli([...on, '--ro', '--run', 'write /x y'])).status).toBeGreaterThan(1);
    expect((await cli([...on, '--run', 'nosuch'])).status).toBe(2);
    expect((await cli(['-a', join(folder, 'missing'), '--run', 'run'])).status).toBe(3);
  });

  it('changes no byte with --ro and --dry-run', async () => {
    const before = sha256(disk);
    expect((await cli(['--ro', ...on, 'll', '/'])).status).toBe(0);
    const dry = await cli(['--dry-run', ...on, 'write', '/dry', 'x', ':', 'cat', '/dry']);
    expect(dry).toMatchObject({ status: 0, stdout: 'x\n' });
    expect(dry.stderr).toContain('dry run: the changes of this run were not written');
    expect((await cli(['--dry-run', '-N', join(folder, 'n.img=fs')])).status).not.toBe(0);
    expect(existsSync(join(folder, 'n.img'))).toBe(false);
    expect(sha256(disk)).toBe(before);
  });

  it('prints JSON, one object a line', async () => {
    const { stdout, stderr, status } = await cli([
      ...on,
      '--json',
      '--run',
      'write /j "\\xff"',
      '--run',
      'read-file /j',
      '--run',
      'echo hi',
      '--run',
      'cat /nosuch',
    ]);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { command: 'write', args: ['/j', '\udcff'], result: null },
      { command: 'read-file', args: ['/j'], result: { base64: '/w==' } },
      { command: 'echo', args: ['hi'], output: 'hi\n' },
    ]);
    const [error] = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(error).toMatchObject({ error: { name: 'FsError', code: 'ENOENT' }, exitCode: 13 });
    expect(status).toBe(13);
  });

  it('raises events', async () => {
    const input = 'event x enter,close "echo $EVENT $1"\nget-verbose\nlist-events\n';
    const { stdout } = await cli([], { input });
    expect(stdout).toBe('enter get_verbose\nfalse\n"x" (0): close,enter: echo $EVENT $1\nclose\n');
  });

  it('makes prepared disks', async () => {
    const made = await cli(['-N', 'a.img=fs:ext4:16M', '-N', 'bootroot:ext2:ext4:64M:8M:gpt', 'list-filesystems'], {
      cwd: folder,
    });
    expect(made).toMatchObject({ status: 0, stdout: '/dev/sda1: ext4\n/dev/sdb1: ext2\n/dev/sdb2: ext4\n' });
    expect(statSync(join(folder, 'test2.img')).size).toBe(64 << 20);
    const lvm = await cli(['-N', 'lv.img=lvfs:/dev/vg0/lv0:ext4:64M', 'lvs', ':', 'list-filesystems'], { cwd: folder });
    expect(lvm).toMatchObject({ status: 0, stdout: '/dev/vg0/lv0\n/dev/vg0/lv0: ext4\n' });
  });

  it('is remote-controlled', async () => {
    const listen = await cli(['--listen', ...on]);
    const pid = /^GUESTFISH_PID=(\d+); export GUESTFISH_PID\n$/.exec(listen.stdout)?.[1];
    expect(pid).toBeDefined();
    const env = { GUESTFISH_PID: pid! };
    const remote = (...args: string[]): ReturnType<typeof cli> => cli(['--remote', ...args], { env });
    expect(await remote('write', '/remote', 'r')).toMatchObject({ status: 0 });
    expect(await remote('cat', '/remote')).toMatchObject({ status: 0, stdout: 'r\n' });
    expect(await cli(['--remote', 'upload', '-', '/up'], { env, input: 'from here' })).toMatchObject({ status: 0 });
    expect(await cli(['--remote'], { env, input: '-cat /nosuch\ncat /up | tr a-z A-Z\n' })).toMatchObject({
      status: 0,
      stdout: 'FROM HERE\n',
    });
    expect(await remote('exit')).toMatchObject({ status: 0 });
    expect((await cli([...on, 'cat', '/remote'])).stdout).toBe('r\n');
    expect((await remote('echo', 'x')).stderr).toContain('looks like the server is not running');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('undoes everything on %s', async (signal) => {
    const before = sha256(disk);
    const names = readdirSync(folder).sort();
    const ended = await cli([...on, 'write', '/half', 'x', ':', 'echo', 'now', ':', 'sleep', '30'], {
      onStart: (child) => void child.stdout!.once('data', () => child.kill(signal)),
    });
    expect(ended.status).toBe(signal === 'SIGTERM' ? 143 : 130);
    expect(sha256(disk)).toBe(before);
    expect(readdirSync(folder).sort()).toEqual(names);
  });

  it('ends quietly when nobody reads', async () => {
    const { status, stderr } = await cli([...on, 'write', '/x', 'y', ':', '--', 'read-file', '/x'], {
      onStart: (child) => child.stdout!.destroy(),
    });
    expect(stderr).toBe('');
    expect([0, 141]).toContain(status);
  });
});
