import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { findTool, requireTools } from '@vmcraft/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GuestFS, VmcraftError } from 'vmcraft';
import { cli } from '../cli/run-cli.js';
import { hashOf } from '../data/shared-data.js';
import { makeImage, snapshotOf, type TreeEntry } from './guest-tree.js';

let folder: string;
let sentinel: string;
let before: string[];
const at = (...names: string[]): string => join(folder, ...names);
const UP = '../../../../../../../../../../..';

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'vmcraft-links-')));
  sentinel = at('host');
  mkdirSync(join(sentinel, 'sub'), { recursive: true });
  writeFileSync(join(sentinel, 'secret'), 'of the host\n');
  writeFileSync(join(sentinel, 'sub', 'file'), 'of the host too\n');
  symlinkSync('secret', join(sentinel, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Whatever a guest does, nothing of the host changes.
beforeEach(() => {
  before = snapshotOf(sentinel);
});
afterEach(() => expect(snapshotOf(sentinel)).toEqual(before));

async function errorOf(work: Promise<unknown>): Promise<VmcraftError> {
  const thrown = await work.then(
    (value) => value,
    (error: unknown) => error,
  );
  expect(thrown, String((thrown as Error | undefined)?.stack ?? thrown)).toBeInstanceOf(VmcraftError);
  return thrown as VmcraftError;
}

const codeOf = async (work: Promise<unknown>): Promise<string> => (await errorOf(work)).code;

/** A value, or an error of ours. */
async function settled(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => expect(error, String((error as Error).stack)).toBeInstanceOf(VmcraftError));
}

describe.runIf(requireTools('mke2fs', 'debugfs'))('links of a guest', () => {
  let image: string;

  beforeAll(() => {
    const chain: Record<string, TreeEntry> = { c00: { link: 'etc/passwd' } };
    for (let i = 1; i <= 41; i++) {
      chain[`c${String(i).padStart(2, '0')}`] = { link: `c${String(i - 1).padStart(2, '0')}` };
    }
    image = at('links.img');
    makeImage(image, {
      ...chain,
      'etc/passwd': 'root:x:0:0:guest:/root:/bin/sh\n',
      'etc/hidden': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Inside the guest"\n',
      'etc/os-release': { link: '/etc/hidden' },
      'etc/hostname': { link: `${UP}${sentinel}/secret` },
      'etc/machine-id': { link: join(sentinel, 'secret') },
      'etc/debian_version': '12.0\n',
      'etc/fstab': [
        'LABEL=root / ext2 defaults 0 1',
        `${sentinel}/disk.img /loop ext4 loop 0 0`,
        '/etc/passwd /file ext4 defaults 0 0',
        '/dev/../etc/passwd /dots ext4 defaults 0 0',
        '/dev/nbd0 /nbd ext4 defaults 0 0',
        '/dev/loop0 /loop0 ext4 defaults 0 0',
        `LABEL=${UP}/etc/passwd /label ext4 defaults 0 0`,
        `UUID=${UP} /uuid ext4 defaults 0 0`,
        '//host/share /share cifs defaults 0 0',
        `/dev/sda ${UP}/escape ext2 defaults 0 0`,
        '/dev/sda /out ext2 defaults 0 0',
      ].join('\n'),
      'usr/bin/sh': '',
      'home/user/file': 'at home\n',
      abs: { link: '/etc/passwd' },
      up: { link: `${UP}/etc/passwd` },
      host: { link: join(sentinel, 'secret') },
      out: { link: sentinel },
      dir: { link: '/etc' },
      mnt: { link: `${UP}/home/./user/..//user` },
      a: { link: 'b' },
      b: { link: 'a' },
      self: { link: 'self/self' },
    });
  });

  it('resolve inside the guest', async () => {
    await using g = await GuestFS.open(image, { readonly: true });
    await g.mountRo('/dev/sda', '/');
    const passwd = 'root:x:0:0:guest:/root:/bin/sh\n';
    for (const path of ['/abs', '/up', '/dir/passwd', '/../../etc/passwd', `/home/user/${UP}/etc/passwd`, '/c39']) {
      expect(await g.cat(path), path).toBe(passwd);
    }
    expect(await codeOf(g.cat('/c41'))).toBe('ELOOP');
    for (const path of ['/a', '/b', '/self', '/self/x']) expect(await codeOf(g.cat(path)), path).toBe('ELOOP');
    for (const path of ['/host', '/out/secret', '/etc/machine-id', '/etc/hostname', join(sentinel, 'secret')]) {
      expect(await codeOf(g.cat(path)), path).toBe('ENOENT');
      expect(await g.exists(path)).toBe(false);
    }
    expect(await g.realpath('/mnt')).toBe('/home/user');
    expect(await g.readlink('/host')).toBe(join(sentinel, 'secret'));
  });

  it('lead writes inside the guest', async () => {
    const copy = at('written.img');
    copyFileSync(image, copy);
    await using g = await GuestFS.open(copy);
    await g.mount('/dev/sda', '/');
    expect(await codeOf(g.write('/host', 'x'))).toBe('ENOENT');
    expect(await codeOf(g.mkdir('/out/new'))).toBe('ENOENT');
    expect(await codeOf(g.upload(join(sentinel, 'secret'), '/out/secret'))).toBe('ENOENT');
    await g.upload(join(sentinel, 'secret'), '/mnt/uploaded');
    await g.copyIn(sentinel, `/home/${UP}/home`);
    await g.mkdirP(`${sentinel}/made`);
    await g.write('/host', 'of the guest\n');
    await g.rmRf('/dir');
    expect(await g.cat('/home/user/uploaded')).toBe('of the host\n');
    expect(await g.cat('/home/host/sub/file')).toBe('of the host too\n');
    expect(await g.cat(join(sentinel, 'secret'))).toBe('of the guest\n');
    expect(await g.exists('/etc/passwd')).toBe(true);
  });

  it('as mount points stay inside', async () => {
    await using g = await GuestFS.open([image, image], { readonly: true });
    await g.mountRo('/dev/sda', '/');
    await g.mountRo('/dev/sdb', '/mnt');
    expect(await g.mountpoints()).toEqual({ '/dev/sda': '/', '/dev/sdb': '/home/user' });
    expect(await codeOf(g.mountRo('/dev/sdb', '/out'))).toBe('ENOENT');
  });

  it('and its fstab do not reach the host', async () => {
    await using g = await GuestFS.open(image, { readonly: true });
    expect(await g.mountRoot()).toBe('/dev/sda');
    const [os] = await g.inspectOsInfo();
    expect(os?.productName?.value).toBe('Inside the guest');
    expect(os?.hostname?.value ?? '').not.toContain('of the host');
    for (const source of Object.keys(await g.mountpoints())) expect(source).toBe('/dev/sda');
    for (const point of Object.values(await g.mountpoints())) expect(point.split('/')).not.toContain('..');
    expect(JSON.stringify(await g.inspectOsInfo())).not.toContain('of the host');
    expect((await cli(['inspect', image])).stdout).not.toContain('of the host');
  });
});

describe.runIf(requireTools('mke2fs', 'debugfs'))('a damaged tree', () => {
  it('with a directory in itself ends', async () => {
    const image = at('cycle.img');
    const tree = { 'deep/er/file': 'x', 'etc/passwd': 'p\n' };
    makeImage(image, tree, { debugfs: ['ln /deep /deep/er/again', 'unlink /deep/er/..', 'ln /etc /deep/er/..'] });
    const hash = await hashOf(image);
    await using g = await GuestFS.open(image, { readonly: true });
    await g.mountRo('/dev/sda', '/');
    expect(await g.cat('/deep/er/../../etc/passwd')).toBe('p\n');
    expect(await g.cat('/deep/er/again/er/file')).toBe('x');
    await settled(g.find('/'));
    await settled(g.du('/'));
    mkdirSync(at('cycle-out'));
    await settled(g.copyOut('/deep', at('cycle-out')));
    await settled(g.tarOut('/', at('cycle.tar')));
    await g.close();
    expect(await hashOf(image)).toBe(hash);
  }, 30_000);

  it('with names that are no names does not lead anywhere', async () => {
    const image = at('names.img');
    const long = 'n'.repeat(255);
    const climbing = `names/x${'Q'.repeat(6)}etcQpasswd`;
    const tree = {
      [climbing]: 'escaped\n',
      'names/qqq': 'three\n',
      'names/control\u001b[2J\u0007': 'c\n',
      'names/new\nline': 'n\n',
      [`names/${long}`]: 'long\n',
    };
    // A file with slashes in its name, and one called `..` of which the length is right.
    makeImage(image, tree, {
      bytes: { [`x${'Q'.repeat(6)}etcQpasswd`]: 'x/../..etc/passwd', '\x03\x01qqq': '\x02\x01..\0' },
    });
    await using g = await GuestFS.open(image, { readonly: true });
    await g.mountRo('/dev/sda', '/');
    const names = await g.ls('/names').catch((error: unknown) => {
      expect(error).toBeInstanceOf(VmcraftError);
      return undefined;
    });
    if (names !== undefined) {
      expect(names).toContain(long);
      expect(await g.cat(`/names/${long}`)).toBe('long\n');
      expect(await g.cat('/names/new\nline')).toBe('n\n');
    }
    mkdirSync(at('names-out'));
    await settled(g.copyOut('/names', at('names-out')));
    expect(readdirSync(at('names-out')).filter((name) => name !== 'names')).toEqual([]);
    const listed = await cli(['ls', '-m', '/dev/sda', image, '/names']);
    expect(listed.stderr).not.toContain('\u001b');
  });
});

/** Everything below a folder that must not be there: links that lead out of it, nodes, set-id bits, other owners. */
function escapes(root: string): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) {
      const target = join(path, '..', readlinkSync(path));
      if (readlinkSync(path).startsWith('/') || !`${target}${sep}`.startsWith(`${root}${sep}`))
        found.push(`link ${path}`);
    } else if (stat.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
    else if (!stat.isFile()) found.push(`node ${path}`);
    if ((stat.mode & 0o6000) !== 0 && !stat.isSymbolicLink()) found.push(`set-id ${path}`);
    if (stat.uid !== process.getuid?.()) found.push(`owner ${path}`);
  };
  visit(root);
  return found;
}

describe.runIf(requireTools('mke2fs', 'debugfs'))('copies to the host', () => {
  let image: string;

  beforeAll(() => {
    image = at('evil.img');
    const tree = {
      'evil/sub/file': 'of the guest\n',
      'evil/abs': { link: join(sentinel, 'secret') },
      'evil/up': { link: `${UP}${sentinel}` },
      'evil/parent': { link: '..' },
      'evil/inside': { link: 'sub/file' },
      'evil/setuid': 'program\n',
      // Both are called `twin1` in the end: a link first, then a directory to be written through it.
      'evil/twin1': { link: sentinel },
      'evil/twin2/secret': 'overwritten\n',
      'evil/twin2/sub/file': 'overwritten\n',
    };
    makeImage(image, tree, {
      debugfs: [
        'set_inode_field /evil/setuid mode 0106755',
        'set_inode_field /evil/setuid uid 12345',
        'mknod /evil/disk b 8 0',
        'mknod /evil/null c 1 3',
        'mknod /evil/pipe p',
      ],
      bytes: { twin2: 'twin1' },
    });
  });

  const hostile = (name: string): string => {
    const target = at(name);
    mkdirSync(target);
    return target;
  };

  it('make nothing that leads out', async () => {
    const target = hostile('plain');
    await using g = await GuestFS.open(image, { readonly: true });
    await g.mountRo('/dev/sda', '/');
    await settled(g.copyOut('/evil', target));
    expect(escapes(target)).toEqual([]);
    expect(readFileSync(join(target, 'evil', 'sub', 'file'), 'utf8')).toBe('of the guest\n');
    expect(readdirSync(join(target, 'evil'))).not.toContain('disk');
  });

  it('write through no link that is there already', async () => {
    for (const [name, link] of [
      ['first', 'evil'],
      ['second', 'evil/sub'],
      ['third', 'evil/sub/file'],
    ] as const) {
      const target = hostile(name);
      mkdirSync(join(target, link, '..'), { recursive: true });
      symlinkSync(link.endsWith('file') ? join(sentinel, 'sub', 'file') : sentinel, join(target, link));
      await using g = await GuestFS.open(image, { readonly: true });
      await g.mountRo('/dev/sda', '/');
      await settled(g.copyOut('/evil', target));
      expect(snapshotOf(sentinel), link).toEqual(before);
    }
  });

  it('are as safe from the command line, and in an archive', async () => {
    const target = hostile('cli');
    symlinkSync(sentinel, join(target, 'evil'));
    const run = await cli(['copy-out', '-m', '/dev/sda', image, '/evil', target]);
    expect(run.stderr).not.toMatch(/internal error/);
    const fresh = hostile('cli-fresh');
    await cli(['copy-out', '-m', '/dev/sda', image, '/evil', fresh]);
    expect(escapes(fresh)).toEqual([]);
    const shell = hostile('shell');
    await cli(['--ro', '-a', image, '-m', '/dev/sda', 'copy-out', '/evil', shell]);
    expect(escapes(shell)).toEqual([]);
    await cli(['tar-out', '-m', '/dev/sda', image, '/evil', at('evil.tar')]);
    const members = execFileSync('tar', ['tf', at('evil.tar')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(members.filter((name) => name.startsWith('/') || name.split('/').includes('..'))).toEqual([]);
  });

  it('from an archive stay inside the guest', async () => {
    const copy = at('tar-in.img');
    copyFileSync(image, copy);
    mkdirSync(at('pack'));
    writeFileSync(at('pack', 'file'), 'packed\n');
    const transform = `s,^file,${UP.slice(0, 11)}/climbed,`;
    execFileSync('tar', ['-C', at('pack'), '-cPf', at('climb.tar'), `--transform=${transform}`, 'file']);
    execFileSync('tar', ['-C', at('pack'), '-cPf', at('abs.tar'), `--transform=s,^file,${sentinel}/secret,`, 'file']);
    await using g = await GuestFS.open(copy);
    await g.mount('/dev/sda', '/');
    await settled(g.tarIn(at('climb.tar'), '/evil/sub'));
    await settled(g.tarIn(at('abs.tar'), '/'));
    expect(await g.exists('/climbed')).toBe(false);
  });
});

describe.runIf(requireTools('qemu-img', 'mke2fs'))('references of an image to other files', () => {
  let work: string;
  const qcow2 = (name: string, backing: string, format = 'raw'): string => {
    const path = join(work, name);
    const args = ['create', '-q', '-u', '-f', 'qcow2', '-b', backing, '-F', format, path, '1M'];
    execFileSync(findTool('qemu-img') as string, args, { stdio: 'ignore' });
    return path;
  };
  const REFUSED = /^VMC_(NO_CAPABILITY|UNSUPPORTED|LIMIT|CORRUPT|HOST)$/;

  beforeAll(() => {
    work = at('images');
    mkdirSync(work);
    symlinkSync(join(sentinel, 'secret'), join(work, 'inner-link'));
    symlinkSync(sentinel, join(work, 'inner-folder'));
  });

  for (const [what, backing] of [
    ['an absolute path', () => '/etc/passwd'],
    ['a path upwards', () => '../host/secret'],
    ['a link in its folder', () => 'inner-link'],
    ['a path through a link', () => 'inner-folder/secret'],
    ['file: before the path', () => `file:${join(sentinel, 'secret')}`],
    [
      'a json: description',
      () => `json:{"driver":"raw","file":{"driver":"file","filename":"${join(sentinel, 'secret')}"}}`,
    ],
    ['a remote server', () => 'nbd://127.0.0.1:1/x'],
    ['a program', () => 'fat:rw:/'],
  ] as const) {
    it(`${what} is refused`, async () => {
      const path = qcow2(`${what.replaceAll(/\W/g, '')}.qcow2`, backing());
      const hash = await hashOf(path);
      for (const readonly of [true, false]) {
        const error = await errorOf(GuestFS.open(path, { readonly }));
        expect(error.code, error.message).toMatch(REFUSED);
        expect(error.message).not.toContain('of the host');
      }
      expect(await hashOf(path)).toBe(hash);
    });
  }

  it('cycles and long chains end', async () => {
    qcow2('one.qcow2', 'two.qcow2', 'qcow2');
    expect(await codeOf(GuestFS.open(qcow2('two.qcow2', 'one.qcow2', 'qcow2'), { readonly: true }))).toMatch(REFUSED);
    expect(await codeOf(GuestFS.open(qcow2('self.qcow2', 'self.qcow2', 'qcow2'), { readonly: true }))).toMatch(REFUSED);
    writeFileSync(join(work, 'chain0.qcow2'), '');
    for (let i = 1; i <= 3; i++) qcow2(`chain${i}.qcow2`, `chain${i - 1}.qcow2`, i === 1 ? 'raw' : 'qcow2');
    await (await GuestFS.open(join(work, 'chain3.qcow2'), { readonly: true })).close();
    // Longer than anybody makes: copies of one header with another number in the name.
    const template = readFileSync(qcow2('long0001.qcow2', 'long0000.qcow2', 'qcow2'), 'latin1');
    writeFileSync(join(work, 'long0000.qcow2'), '');
    for (let i = 2; i <= 300; i++) {
      const name = (n: number): string => `long${String(n).padStart(4, '0')}.qcow2`;
      writeFileSync(join(work, name(i)), template.replace(name(0), name(i - 1)), 'latin1');
    }
    expect(await codeOf(GuestFS.open(join(work, 'long0300.qcow2'), { readonly: true }))).toMatch(/LIMIT/);
  });

  it('extents of a VMDK stay in its folder', async () => {
    for (const [i, extent] of ['/etc/passwd', '../host/secret', 'inner-link', 'inner-folder/secret'].entries()) {
      const path = join(work, `extent${i}.vmdk`);
      const lines = [
        '# Disk DescriptorFile',
        'version=1',
        'CID=fffffffe',
        'parentCID=ffffffff',
        'createType="monolithicFlat"',
      ];
      writeFileSync(path, `${[...lines, `RW 1 FLAT "${extent}" 0`].join('\n')}\n`);
      expect(await codeOf(GuestFS.open(path, { readonly: true })), extent).toMatch(REFUSED);
    }
  });

  it('that a guest wrote on its raw disk are not followed', async () => {
    const path = join(work, 'poisoned.img');
    makeImage(path, { 'etc/passwd': 'p\n' });
    const clean = readFileSync(path);
    // The first KiB of a file system is the guest's own: here, the header of a qcow2 on top of a file of the host.
    const header = readFileSync(qcow2('header.qcow2', join(sentinel, 'secret'))).subarray(0, 1024);
    header.copy(clean);
    writeFileSync(path, clean);
    const hash = await hashOf(path);
    for (const readonly of [true, false]) expect(await codeOf(GuestFS.open(path, { readonly }))).toMatch(REFUSED);
    expect(await hashOf(path)).toBe(hash);
    await GuestFS.with(
      path,
      async (g) => {
        expect(Number(await g.blockdevGetsize64('/dev/sda'))).toBe(clean.length);
        await g.mount('/dev/sda', '/');
        await g.write('/new', 'new\n');
      },
      { format: 'raw' },
    );
    expect(readFileSync(path).subarray(0, 1024).equals(header)).toBe(true);
    await using g = await GuestFS.open(path, { readonly: true, format: 'raw' });
    await g.mountRo('/dev/sda', '/');
    expect(await g.cat('/new')).toBe('new\n');
  });
  it('cannot be put at the start of a disk that was taken for raw', async () => {
    const path = at('guessed.img');
    makeImage(path, { 'etc/passwd': 'p\n' });
    const header = readFileSync(qcow2('header2.qcow2', join(sentinel, 'secret'))).subarray(0, 512);
    const poison = GuestFS.with(path, (g) => g.pwriteDevice('/dev/sda', header, 0));
    expect(await codeOf(poison)).toBe('VMC_READ_ONLY');
    expect(readFileSync(path, 'latin1').startsWith('QFI')).toBe(false);
    await GuestFS.with(path, (g) => g.pwriteDevice('/dev/sda', header, 0), { format: 'raw' });
    expect(readFileSync(path, 'latin1').startsWith('QFI')).toBe(true);
  });
});
