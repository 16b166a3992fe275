import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS, type OpenOptions, VmcraftError } from 'vmcraft';
import { type CliResult, cli, VMCRAFT } from '../cli/run-cli.js';
import { hashOf } from '../data/shared-data.js';

const MIB = 1 << 20;
const alignDown = (bytes: number, unit: number): number => Math.floor(bytes / unit) * unit;
const tool = (name: string, ...args: string[]): void => {
  execFileSync(findTool(name) ?? name, args, { stdio: 'ignore' });
};

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmcraft-bad-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A sparse file of a size, and a file system on it when there is a command for it. */
function sparse(name: string, megabytes: number, ...format: string[]): string {
  writeFileSync(at(name), '');
  truncateSync(at(name), megabytes * MIB);
  const [program, ...args] = format;
  if (program !== undefined) tool(program, ...args, at(name));
  return at(name);
}

const ext4 = (name: string, megabytes = 8): string => sparse(name, megabytes, 'mke2fs', '-q', '-F', '-t', 'ext4');

async function errorOf(work: Promise<unknown>): Promise<VmcraftError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown, String((thrown as Error | undefined)?.stack)).toBeInstanceOf(VmcraftError);
  return thrown as VmcraftError;
}

/** Opening fails with a code, names the image, and leaves it as it was. */
async function refusesToOpen(path: string, code: string | RegExp, options: OpenOptions = {}): Promise<VmcraftError> {
  const before = existsSync(path) && statSync(path).isFile() ? await hashOf(path) : undefined;
  const error = await errorOf(GuestFS.open(path, options));
  expect(error.code, error.message).toMatch(code);
  expect(error.message).toContain(path);
  if (before !== undefined) expect(await hashOf(path)).toBe(before);
  return error;
}

/** What a person sees of a failure: nothing on standard output, one line, perhaps a second that says what to do. */
function expectOneLine(result: CliResult, status: number, names: RegExp): void {
  expect(result.stderr).toMatch(names);
  expect(result.status).toBe(status);
  expect(result.stdout).toBe('');
  const [first, second = '  ', ...more] = result.stderr.trimEnd().split('\n');
  expect(first).toMatch(/^vmcraft: /);
  expect(second.startsWith('  ')).toBe(true);
  expect(more).toEqual([]);
}

describe('something that is no image', () => {
  it('a missing file', async () => {
    await refusesToOpen(at('missing.img'), 'VMC_HOST');
    expectOneLine(await cli(['ls', at('missing.img'), '/']), 3, /missing\.img.*no such file/);
    expect(existsSync(at('missing.img'))).toBe(false);
  });

  it('a directory', async () => {
    mkdirSync(at('folder.img'));
    await refusesToOpen(at('folder.img'), 'VMC_HOST');
    await refusesToOpen(at('folder.img'), 'VMC_HOST', { readonly: true });
    expectOneLine(await cli(['ls', at('folder.img'), '/']), 3, /folder\.img.*is a directory/);
  });

  it('a device or pipe of the host', async () => {
    execFileSync('mkfifo', [at('pipe.img')]);
    await refusesToOpen(at('pipe.img'), 'VMC_HOST', { readonly: true });
    expect((await errorOf(GuestFS.open('/dev/zero', { readonly: true }))).code).toBe('VMC_HOST');
  });

  it('an empty file has nothing on it', async () => {
    writeFileSync(at('empty.img'), '');
    await using g = await GuestFS.open(at('empty.img'));
    expect(await g.listPartitions()).toEqual([]);
    expect((await errorOf(g.mountRoot())).code).toBe('VMC_USAGE');
    expect((await errorOf(g.mount('/dev/sda', '/'))).code).toBe('VMC_NO_PROVIDER');
    expectOneLine(await cli(['ls', at('empty.img'), '/']), 14, /no operating system.*\n.*filesystems/);
  });

  it('a format that it is not', async () => {
    tool('truncate', '-s', '1M', at('wrong.img'));
    for (const format of ['qcow2', 'vmdk', 'vpc', 'vhdx', 'vdi']) {
      const error = await refusesToOpen(at('wrong.img'), /VMC_(CORRUPT|TRUNCATED)/, { format, readonly: true });
      expect(error.message).toMatch(/qcow2|vmdk|vhd|vdi/i);
    }
    expect((await errorOf(GuestFS.open(at('wrong.img'), { format: 'tar' }))).code).toMatch(/VMC_(NO_PROVIDER|USAGE)/);
    const args = ['ls', '--image-format', 'qcow2', at('wrong.img'), '/'];
    expectOneLine(await cli(args), 4, /wrong\.img.*qcow2/);
  });
});

describe.runIf(requireTools('mke2fs', 'mkfs.vfat'))('disks without what was asked for', () => {
  it('no partition table', async () => {
    sparse('zero.img', 4);
    await using g = await GuestFS.open(at('zero.img'), { readonly: true });
    const error = await errorOf(g.partGetParttype('/dev/sda'));
    expect([error.code, error.message.includes('/dev/sda')]).toEqual(['EINVAL', true]);
    expect((await errorOf(g.mount('/dev/sda1', '/'))).message).toMatch(/\/dev\/sda1/);
    const run = await cli(['--ro', '-a', at('zero.img'), 'run', ':', 'part-get-parttype', '/dev/sda']);
    expect([run.status, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toMatch(/part_get_parttype: .*\/dev\/sda/);
  });

  it('no operating system', async () => {
    ext4('data.img');
    await using g = await GuestFS.open(at('data.img'), { readonly: true });
    expect(await g.inspectOsInfo()).toEqual([]);
    expect((await errorOf(g.mountRoot())).message).toMatch(/no operating system/);
    const inspected = await cli(['inspect', at('data.img')]);
    expect([inspected.status, /no operating system/.test(inspected.stderr)]).toEqual([14, true]);
    // Without a system, the only file system is looked at.
    expectOneLine(await cli(['cat', at('data.img'), '/etc/fstab']), 13, /\/etc\/fstab: No such file/);
  });

  it('an unknown file system', async () => {
    writeFileSync(
      at('noise.img'),
      new Uint8Array(MIB).map((_, i) => (i * 7919) >>> 3),
    );
    await using g = await GuestFS.open(at('noise.img'), { readonly: true });
    const error = await errorOf(g.mount('/dev/sda', '/'));
    expect(error.code).toBe('VMC_NO_PROVIDER');
    expect(error.message).toMatch(/\/dev\/sda.*unknown file system/);
    expectOneLine(await cli(['ls', '-m', '/dev/sda', at('noise.img'), '/']), 10, /\/dev\/sda.*unknown/);
  });

  it('nothing known on it: not written without saying that it is raw', async () => {
    const path = sparse('unknown.img', 2);
    {
      await using g = await GuestFS.open(path);
      const error = await errorOf(g.partDisk('/dev/sda', 'gpt'));
      expect(error.code).toBe('VMC_READ_ONLY');
      expect(error.message).toMatch(/raw/);
    }
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
    await GuestFS.with(path, (g) => g.partDisk('/dev/sda', 'gpt'), { format: 'raw' });
    await using g = await GuestFS.open(path, { readonly: true });
    expect(await g.partGetParttype('/dev/sda')).toBe('gpt');
  });
});

/** As qemu-img names them, with the least that must be gone for the loss to show. */
const FORMATS = [
  ['raw'],
  ['qcow2'],
  ['qcow2', '-c'],
  ['vmdk'],
  ['vmdk', '-o', 'subformat=streamOptimized'],
  ['vpc'],
  ['vhdx'],
  ['vdi'],
] as const;

describe.runIf(requireTools('qemu-img', 'mke2fs'))('a truncated image', () => {
  const original = (): Buffer => Buffer.from(new Uint8Array(3 * MIB).map((_, i) => (i * 2654435761) >>> 13));

  for (const [i, [format, ...options]] of FORMATS.entries()) {
    it(`${format} ${options.join(' ')}`, async () => {
      const tree = at(`tree${i}`);
      mkdirSync(tree);
      writeFileSync(join(tree, 'file'), original());
      const raw = at(`whole${i}.raw`);
      sparse(`whole${i}.raw`, 8, 'mke2fs', '-q', '-F', '-t', 'ext2', '-d', tree);
      const whole = at(`whole${i}.${format}`);
      if (format !== 'raw') tool('qemu-img', 'convert', '-O', format, ...options, raw, whole);
      const size = statSync(whole).size;
      for (const keep of [0.1, 0.5, 0.9]) {
        const cut = at(`cut${i}-${keep}`);
        copyFileSync(whole, cut);
        // An image may end within its last cluster: qemu reads the rest as zeros. So it is cut where one begins.
        truncateSync(cut, alignDown(size * keep, 65536));
        const hash = await hashOf(cut);
        const outcome = await readFileOf(cut, format);
        // What can still be read is right; anything else is an error that says so.
        if (outcome instanceof Error)
          expect((outcome as VmcraftError).code).toMatch(/VMC_(TRUNCATED|CORRUPT|NO_PROVIDER)/);
        else expect(Buffer.compare(outcome, original())).toBe(0);
        if (keep === 0.1) expect(outcome).toBeInstanceOf(Error);
        expect(await hashOf(cut)).toBe(hash);
        rmSync(cut);
      }
    });
  }

  async function readFileOf(path: string, format: string): Promise<Buffer | Error> {
    try {
      await using g = await GuestFS.open(path, { readonly: true, format });
      await g.mountRo('/dev/sda', '/');
      return Buffer.from(await g.readFile('/file'));
    } catch (error) {
      expect(error, String((error as Error).stack)).toBeInstanceOf(VmcraftError);
      return error as Error;
    }
  }

  it('is said so by the CLI', async () => {
    tool('qemu-img', 'create', '-q', '-f', 'vdi', at('cli.vdi'), '64M');
    truncateSync(at('cli.vdi'), 300);
    expectOneLine(await cli(['ls', at('cli.vdi'), '/']), 5, /cli\.vdi.*truncated.*\n.*copy it again/);
  });
});

describe.runIf(requireTools('mke2fs', 'mkfs.vfat', 'e2fsck', 'fsck.fat'))('a full file system in the guest', () => {
  for (const [name, format, check] of [
    ['ext4', ['mke2fs', '-q', '-F', '-t', 'ext4', '-O', '^has_journal'], ['e2fsck', '-fn']],
    ['fat', ['mkfs.vfat'], ['fsck.fat', '-n']],
  ] as const) {
    it(`${name}: ENOSPC, and what was there stays`, async () => {
      const path = sparse(`full-${name}.img`, 4, ...format);
      await using g = await GuestFS.open(path);
      await g.mount('/dev/sda', '/');
      await g.write('/kept', 'kept\n');
      const error = await errorOf(g.write('/big', new Uint8Array(8 * MIB)));
      expect([error.code, error.message.includes('/big')]).toEqual(['ENOSPC', true]);
      await g.rmF('/big');
      await g.write('/after', 'after\n');
      await g.close();
      tool(check[0], ...check.slice(1), path);
      await using again = await GuestFS.open(path, { readonly: true });
      await again.mountRo('/dev/sda', '/');
      expect([await again.cat('/kept'), await again.cat('/after')]).toEqual(['kept\n', 'after\n']);
    });
  }
});

describe.runIf(requireTools('root', 'mount', 'umount', 'mke2fs', 'e2fsck', 'qemu-img'))('a full host disk', () => {
  for (const transaction of [true, false]) {
    it(`leaves the image intact, ${transaction ? 'in a transaction' : 'written straight through'}`, async () => {
      const disk = at(`host-${transaction}`);
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]);
      try {
        const path = join(disk, 'disk.qcow2');
        ext4('source.img', 32);
        tool('qemu-img', 'convert', '-O', 'qcow2', at('source.img'), path);
        const hash = await hashOf(path);
        const noise = new Uint8Array(12 * MIB).map((_, i) => (i * 2654435761) >>> 11);
        const work = GuestFS.with(
          path,
          async (g) => {
            await g.mount('/dev/sda', '/');
            await g.write('/noise', noise);
          },
          { transaction },
        );
        const error = await errorOf(work);
        expect(error.code, error.message).toBe('VMC_HOST');
        expect(error.message).toMatch(/no space left/i);
        if (transaction) {
          expect(await hashOf(path)).toBe(hash);
          expect(readdirSync(disk)).toEqual(['disk.qcow2']);
        }
        tool('qemu-img', 'check', path);
        await using g = await GuestFS.open(path, { readonly: true });
        await g.mountRo('/dev/sda', '/');
        expect(await g.ls('/')).toContain('lost+found');
      } finally {
        execFileSync('umount', [disk]);
      }
    });
  }
});

describe.runIf(requireTools('mke2fs'))('an image that may not be written', () => {
  it.runIf(requireTools('root'))('as an ordinary user: read-only and unreadable files', async () => {
    const open = at('open');
    mkdirSync(open);
    chmodSync(folder, 0o755);
    chmodSync(open, 0o755);
    const path = join(open, 'ro.img');
    copyFileSync(ext4('ro-source.img'), path);
    chmodSync(path, 0o444);
    const hash = await hashOf(path);
    // The program where everybody can read it, built.
    expect((await cli(['--version'])).status).toBe(0);
    cpSync(join(dirname(VMCRAFT), '../packages/vmcraft/dist/bundle'), at('program'), { recursive: true });
    const program = at('program', 'cli.js');
    const asNobody = (...args: string[]) => cli(args, { program, uid: 65534 });
    const written = await asNobody('copy-in', '-m', '/dev/sda', path, '/etc/hostname', '/');
    expectOneLine(written, 3, /ro\.img.*permission denied/i);
    expect((await asNobody('ls', '-m', '/dev/sda', path, '/')).stdout).toBe('lost+found\n');
    chmodSync(path, 0o600);
    expectOneLine(await asNobody('ls', '-m', '/dev/sda', path, '/'), 3, /ro\.img.*permission denied/i);
    expect(await hashOf(path)).toBe(hash);
    expect(readdirSync(open)).toEqual(['ro.img']);
  });

  it('opened read-only: every change is refused, nothing is written', async () => {
    const path = ext4('plain.img');
    const hash = await hashOf(path);
    {
      await using g = await GuestFS.open(path, { readonly: true });
      expect((await errorOf(g.mount('/dev/sda', '/').then(() => g.write('/x', 'x')))).code).toMatch(
        /EROFS|VMC_READ_ONLY/,
      );
      await g.umountAll();
      expect((await errorOf(g.partDisk('/dev/sda', 'mbr'))).code).toMatch(/EROFS|VMC_READ_ONLY/);
      expect((await errorOf(g.mkfs('ext4', '/dev/sda'))).code).toMatch(/EROFS|VMC_READ_ONLY|EBUSY/);
    }
    expect(await hashOf(path)).toBe(hash);
  });
});

describe.runIf(requireTools('qemu-img', 'qemu-io', 'qemu-nbd', 'mke2fs'))('an image in use', () => {
  /** Run `work` while a program has the image open for writing. */
  async function whileHeld(program: string, args: string[], path: string, work: () => Promise<void>): Promise<void> {
    const child = spawn(findTool(program) as string, args, { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      const { ino } = statSync(path);
      const limit = Date.now() + 20_000;
      while (!readFileSync('/proc/locks', 'latin1').includes(`:${ino} `)) {
        expect(Date.now(), `${program} locks the image`).toBeLessThan(limit);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await work();
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  }

  for (const [program, args] of [
    ['qemu-io', (path: string) => ['-f', 'raw', path]],
    ['qemu-nbd', (path: string) => ['-f', 'raw', '--persistent', '-k', `${path}.sock`, path]],
  ] as const) {
    it(`by ${program}: not written, but read`, async () => {
      const path = ext4(`held-${program}.img`);
      await whileHeld(program, args(path), path, async () => {
        const error = await refusesToOpen(path, 'VMC_LOCKED');
        expect(error.message).toContain(program);
        await (await GuestFS.open(path, { readonly: true })).close();
        const run = await cli(['copy-in', '-m', '/dev/sda', path, '/etc/hostname', '/']);
        expectOneLine(run, 12, new RegExp(`held-.*${program}.*\\n.*shut the machine down`));
      });
      await (await GuestFS.open(path)).close();
    });
  }

  it('by a session of our own', async () => {
    const path = ext4('twice.img');
    await using first = await GuestFS.open(path);
    await refusesToOpen(path, 'VMC_LOCKED');
    const reader = await GuestFS.open(path, { readonly: true });
    await reader.close();
    const run = await cli(['copy-in', '-m', '/dev/sda', path, '/etc/hostname', '/']);
    expectOneLine(run, 12, /twice\.img/);
    await first.mount('/dev/sda', '/');
    await first.write('/mine', '1');
    await first.close();
    await using second = await GuestFS.open(path);
    await second.mount('/dev/sda', '/');
    expect(await second.cat('/mine')).toBe('1');
  });

  it('by an image that is built on it', async () => {
    mkdirSync(at('chain'));
    for (const format of ['qcow2', 'raw']) {
      const base = at('chain', `base.${format}`);
      tool('qemu-img', 'convert', '-O', format, ext4('base-source.img'), base);
      tool(
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        '-b',
        base,
        '-F',
        format,
        at('chain', `child-of-${format}.qcow2`),
      );
      const error = await refusesToOpen(base, 'VMC_LOCKED');
      expect(error.message).toContain(`child-of-${format}.qcow2`);
      await (await GuestFS.open(base, { readonly: true })).close();
      await (await GuestFS.open(base, { force: true })).close();
      await (await GuestFS.open(at('chain', `child-of-${format}.qcow2`))).close();
    }
  });
});

describe('a system whose package database is broken', () => {
  it.runIf(requireTools('mke2fs'))('is described all the same, with a warning', async () => {
    const disk = ext4('broken-rpm.img');
    {
      await using g = await GuestFS.open(disk, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      for (const name of ['/etc', '/usr', '/var', '/var/lib', '/var/lib/rpm']) await g.mkdir(name);
      await g.write('/etc/os-release', 'ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40"\n');
      await g.write('/var/lib/rpm/rpmdb.sqlite', 'SQLite format 3\0 and nothing else'.padEnd(5000, '.'));
    }
    const { status, stdout } = await cli(['inspect', disk]);
    expect(status).toBe(0);
    expect(stdout).toContain('Fedora Linux 40');
    expect(stdout).toMatch(/Warning: applications: .*sqlite header.*page size/);
    await using g = await GuestFS.open(disk, { readonly: true });
    const [root = ''] = await g.inspectOs();
    expect((await errorOf(g.inspectListApplications2(root))).code).toBe('VMC_CORRUPT');
  });
});
