import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestFS } from 'vmcraft';
import {
  describeAttributes,
  describeStats,
  makeExt,
  makeFat,
  makeTree,
  run,
  withGuest,
  withKernel,
} from './archive-image.js';
import { describeTree, Workspace } from './image.js';

const ALL = ['--xattrs', '--xattrs-include=*', '--acls', '--warning=no-timestamp'];

describe.runIf(
  requireTools(
    'mke2fs',
    'tar',
    'mount',
    'root',
    'setfacl',
    'setcap',
    'setfattr',
    'python3',
    'bzip2',
    'xz',
    'zstd',
    'fsck.fat',
  ),
)('archives', () => {
  let space: Workspace;
  let tree: string;
  let disk: string;

  beforeAll(() => {
    space = new Workspace();
    tree = space.path('tree');
    mkdirSync(tree);
    makeTree(tree);
    disk = makeExt(space, 'empty.img');
  });
  afterAll(() => space[Symbol.dispose]());

  const copyOf = (name: string): string => {
    const copy = space.path(name);
    run('cp', '--sparse=always', disk, copy);
    return copy;
  };

  it('unpacks what GNU tar packs, in each of its formats', async () => {
    for (const format of ['gnu', 'posix', 'oldgnu']) {
      const tar = space.path(`${format}.tar`);
      const kept = format === 'posix' ? ALL : [];
      run('tar', `--format=${format}`, '-S', ...kept, '-C', tree, '-cf', tar, '.');
      const copy = copyOf('in.img');
      await withGuest(copy, async (g) => {
        await g.mkdir('/x');
        await g.tarIn(tar, '/x', { xattrs: true, acls: true });
      });
      run('e2fsck', '-fn', copy);
      withKernel(space, copy, (folder) => {
        expect(describeTree(`${folder}/x`)).toEqual(describeTree(tree));
        if (format !== 'posix') return;
        expect(describeStats(`${folder}/x`)).toEqual(describeStats(tree));
        expect(describeAttributes(`${folder}/x`)).toEqual(describeAttributes(tree));
        const blocks = Number(run('stat', '-c', '%b', `${folder}/x/sparse`));
        expect(blocks).toBeLessThan(100);
      });
    }
  });

  it('packs what GNU tar unpacks, with all attributes', async () => {
    const copy = copyOf('out.img');
    withKernel(space, copy, (folder) => run('cp', '-a', `${tree}/.`, folder), false);
    const tar = space.path('out.tar');
    await withGuest(copy, (g) => g.tarOut('/', tar, { xattrs: true, acls: true }), true);
    const out = space.path('out');
    mkdirSync(out);
    expect(run('sh', '-c', 'tar "$@" 2>&1', 'sh', ...ALL, '-C', out, '-xpf', tar)).toBe('');
    run('rmdir', `${out}/lost+found`);
    expect(describeTree(out)).toEqual(describeTree(tree));
    expect(describeStats(out)).toEqual(describeStats(tree));
    expect(describeAttributes(out)).toEqual(describeAttributes(tree));
    const again = copyOf('again.img');
    await withGuest(again, (g) => g.tarIn(tar, '/', { xattrs: true, acls: true }));
    withKernel(space, again, (folder) => {
      expect(describeStats(folder)).toEqual(describeStats(tree));
      expect(describeAttributes(folder)).toEqual(describeAttributes(out));
    });
  });

  it('packs and unpacks compressed archives', async () => {
    const copy = copyOf('zip.img');
    const small = space.path('small');
    mkdirSync(small, { recursive: true });
    writeFileSync(`${small}/file`, 'content\n');
    const out = space.path('packed.tgz');
    await withGuest(copy, async (g) => {
      for (const [type, flag] of Object.entries({ gzip: '-z', bzip2: '-j', xz: '-J', zstd: '--zstd' })) {
        const tar = space.path(`small.${type}`);
        run('tar', flag, '-C', small, '-cf', tar, '.');
        await g.mkdir(`/${type}`);
        await g.tarIn(tar, `/${type}`, { compress: type });
        expect(await g.cat(`/${type}/file`)).toBe('content\n');
        await expect(g.tarIn(tar, '/')).rejects.toThrow(`the archive is compressed: use compress:${type}`);
      }
      await g.mkdir('/old');
      await g.tgzIn(space.path('small.gzip'), '/old');
      await g.txzIn(space.path('small.xz'), '/old');
      await g.tgzOut('/old', out);
      expect(run('tar', '-tzf', out)).toBe('./\n./file\n');
      await expect(g.txzOut('/old', out)).rejects.toThrow('not supported');
      await expect(g.tarOut('/old', out, { compress: 'lzop' })).rejects.toThrow('not supported');
      await expect(g.tarOut('/old', out, { compress: 'rot13' })).rejects.toThrow("unknown compression type 'rot13'");
      await expect(g.tarIn(space.path('small.gzip'), '/', { compress: 'xz' })).rejects.toMatchObject({
        code: 'VMC_CORRUPT',
      });
      await expect(g.tarIn(out, '/none')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(g.tarIn(out, '/old/file')).rejects.toMatchObject({ code: 'ENOTDIR' });
      await expect(g.tarOut('/old/file', out)).rejects.toMatchObject({ code: 'ENOTDIR' });
    });
  });

  it('leaves out what tar leaves out, and names owners as the guest does', async () => {
    const copy = copyOf('exclude.img');
    const host = space.path('exclude');
    for (const dir of ['a/b/c', 'a/keep', 'x', 'etc']) mkdirSync(`${host}/${dir}`, { recursive: true });
    for (const file of ['a/one.txt', 'a/b/two.txt', 'a/b/c/three.log', 'x/one.txt', 'x/[y]', 'x/star*', 'a/keep/z'])
      writeFileSync(`${host}/${file}`, file);
    writeFileSync(`${host}/etc/passwd`, 'root:x:0:0::/:/bin/sh\nalice:x:1234:1::/:/bin/sh\n');
    writeFileSync(`${host}/etc/group`, 'root:x:0:\nstaff:x:77:\n');
    run('chown', '1234:77', `${host}/a/one.txt`);
    run('chown', '4321:78', `${host}/x/one.txt`);
    withKernel(
      space,
      copy,
      (folder) => run('sh', '-c', 'rmdir "$2/lost+found"; cp -a "$1/." "$2"', 'sh', host, folder),
      false,
    );
    const out = space.path('exclude.tar');
    await withGuest(copy, async (g) => {
      const sets = [
        '*.txt',
        'a/b',
        './a/b',
        'b',
        'one.*',
        '*/c',
        'a*z',
        '?',
        '[ab]',
        '[!a]',
        '*[[:digit:]]',
        '\\*',
        'star\\*',
        'x/\\[y\\]',
        '.',
        'keep/',
        '*',
      ];
      for (const excludes of [...sets.map((p) => [p]), ['*.log', 'x']]) {
        await g.tarOut('/', out, { excludes });
        const expected = run('tar', ...excludes.map((p) => `--exclude=${p}`), '-C', host, '-cf', `${out}.gnu`, '.');
        expect(expected).toBe('');
        const names = (file: string): string[] => run('tar', '-tf', file).split('\n').sort();
        expect(names(out), excludes.join(' ')).toEqual(names(`${out}.gnu`));
      }
      await expect(g.tarOut('/', out, { excludes: ['a\nb'] })).rejects.toThrow('newline');
      await g.tarOut('/', out);
      const owners = run('tar', '-tvf', out);
      expect(owners).toMatch(/alice\/staff .* \.\/a\/one\.txt/);
      expect(owners).toMatch(/4321\/78 .* \.\/x\/one\.txt/);
      await g.tarOut('/', out, { numericowner: true });
      expect(run('tar', '-tvf', out)).toMatch(/1234\/77 .* \.\/a\/one\.txt/);
    });
  });

  it('replaces what is in the way as tar does', async () => {
    const copy = copyOf('replace.img');
    const host = space.path('replace');
    for (const dir of ['dir', 'linked', 'file-now']) mkdirSync(`${host}/${dir}`, { recursive: true });
    writeFileSync(`${host}/dir/new`, 'new');
    writeFileSync(`${host}/linked/inside`, 'inside');
    writeFileSync(`${host}/was-dir`, 'file');
    writeFileSync(`${host}/was-link`, 'file');
    const tar = space.path('replace.tar');
    run('tar', '-C', host, '-cf', tar, '.');
    const prepare = async (g: GuestFS, top: string) => {
      for (const dir of ['dir', 'was-dir', 'target']) await g.mkdirP(`${top}/${dir}`);
      await g.write(`${top}/dir/old`, 'old');
      await g.write(`${top}/file-now`, 'x');
      await g.write(`${top}/precious`, 'precious');
      await g.lnS('precious', `${top}/was-link`);
      await g.lnS('target', `${top}/linked`);
    };
    await withGuest(copy, async (g) => {
      await prepare(g, '/plain');
      await g.tarIn(tar, '/plain');
      expect((await g.find('/plain')).sort()).toEqual(
        [
          'dir',
          'dir/new',
          'dir/old',
          'file-now',
          'linked',
          'linked/inside',
          'precious',
          'target',
          'was-dir',
          'was-link',
        ].sort(),
      );
      expect(await g.isSymlink('/plain/linked')).toBe(false);
      expect(await g.cat('/plain/precious')).toBe('precious');
      await prepare(g, '/keep');
      await g.tarIn(tar, '/keep', { keepdirlink: true });
      expect(await g.isSymlink('/keep/linked')).toBe(true);
      expect(await g.cat('/keep/target/inside')).toBe('inside');
      await g.mkdirP('/full/was-dir/in-it');
      await expect(g.tarIn(tar, '/full')).rejects.toMatchObject({ code: 'EISDIR' });
    });
    run('e2fsck', '-fn', copy);
  });

  it('unpacks nothing through links of the archive, and nothing above the directory', async () => {
    const python = `
import io, sys, tarfile
def archive(name, *members):
    with tarfile.open(sys.argv[1] + '/' + name, 'w') as tar:
        for kind, path, value in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value.encode()))
            else:
                info.linkname = value
                tar.addfile(info)
F, L, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
archive('through.tar', (L, 'x', '/etc'), (F, 'x/evil', 'evil'))
archive('up.tar', (L, 'x', '../../etc'), (F, 'x/evil', 'evil'))
archive('dots.tar', (F, '../etc/evil', 'evil'))
archive('hard.tar', (H, 'x', '../etc/passwd'))
archive('absolute.tar', (F, '/etc/evil', 'evil'))
archive('twice.tar', (L, 'x', '/etc/passwd'), (F, 'x', 'mine'), (L, 'y', '/etc'), (H, 'z', 'y'))
`;
    run('python3', '-c', python, space.folder);
    await withGuest(copyOf('evil.img'), async (g) => {
      await g.mkdir('/etc');
      await g.write('/etc/passwd', 'real');
      await g.mkdirP('/home/user');
      for (const name of ['through', 'up', 'dots', 'hard']) {
        await expect(g.tarIn(space.path(`${name}.tar`), '/home/user'), name).rejects.toThrow(/./);
        expect(await g.ls('/etc'), name).toEqual(['passwd']);
      }
      await g.tarIn(space.path('absolute.tar'), '/home/user');
      expect(await g.cat('/home/user/etc/evil')).toBe('evil');
      await g.rmRf('/home/user/x');
      await g.tarIn(space.path('twice.tar'), '/home/user');
      expect(await g.cat('/home/user/x')).toBe('mine');
      expect(await g.readlink('/home/user/z')).toBe('/etc');
      expect(await g.cat('/etc/passwd')).toBe('real');
    });
  });

  it('refuses what is no archive, or not a whole one', async () => {
    const tar = space.path('posix.tar');
    const whole = readFileSync(tar);
    await withGuest(copyOf('broken.img'), async (g) => {
      const unpack = (bytes: Uint8Array) =>
        g.tarIn(
          (async function* () {
            yield bytes;
          })(),
          '/',
        );
      await unpack(new Uint8Array(0));
      await unpack(new Uint8Array(1024));
      await expect(unpack(Buffer.alloc(2048, 'no archive at all'))).rejects.toThrow('does not look like a tar archive');
      for (const length of [100, 700, 1500, 300_000]) {
        await expect(unpack(whole.subarray(0, length)), String(length)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
      }
      for (let seed = 1; seed < 60; seed++) {
        const bad = Buffer.from(whole.subarray(0, 20_000));
        for (let i = 0; i < 3; i++) bad[(seed * 7919 + i * 104_729) % bad.length]! ^= 1 << (seed % 8);
        await unpack(bad).catch((error: { code?: string }) =>
          expect(error.code, `seed ${seed}`).toMatch(/^(VMC_CORRUPT|E[A-Z]+)$/),
        );
      }
    });
  });

  it('copies trees of the host in, and out again', async () => {
    const copy = copyOf('copy.img');
    const out = space.path('copied-out');
    mkdirSync(out);
    const warnings: string[] = [];
    await withGuest(copy, async (g) => {
      g.session.events.on('warning', (warning) => warnings.push(warning.message));
      await g.mkdir('/into');
      await g.copyIn(tree, '/into');
      await g.copyIn(`${tree}/plain.txt`, '/into');
      await g.copyIn(`${tree}/soft`, '/into');
      expect(await g.readlink('/into/soft')).toBe('plain.txt');
      await expect(g.copyIn(space.path('none'), '/into')).rejects.toMatchObject({ code: 'VMC_HOST' });
      await expect(g.copyIn(tree, '/none')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(g.copyIn(tree, '/into/plain.txt')).rejects.toMatchObject({ code: 'ENOTDIR' });
      await g.copyOut('/into/tree', out);
      await g.copyOut('/into/tree', out);
      await g.copyOut('/into/plain.txt', out);
      await expect(g.copyOut('/into/soft', out)).rejects.toThrow('is not a file or directory');
      await expect(g.copyOut('/into', space.path('none'))).rejects.toThrow('is not a directory');
      await expect(g.copyOut('/none', out)).rejects.toMatchObject({ code: 'ENOENT' });
    });
    run('e2fsck', '-fn', copy);
    const atMicroseconds = (lines: string[]): string[] => lines.map((line) => line.replace(/(\.\d{3})\d*$/, '$1'));
    withKernel(space, copy, (folder) => {
      expect(describeTree(`${folder}/into/tree`)).toEqual(describeTree(tree));
      expect(atMicroseconds(describeStats(`${folder}/into/tree`))).toEqual(atMicroseconds(describeStats(tree)));
    });
    const left = ['absolute', 'pipe', 'null', 'disk'];
    const plain = (folder: string): string[] =>
      describeTree(folder)
        .filter((line) => !left.includes(line.split('|')[0]!))
        .map((line) =>
          line
            .replace(/\|4755\|/, '|755|')
            .replace(/\|1777\|/, '|777|')
            .replace(/\|\d+:\d+\|/, '|'),
        );
    expect(plain(`${out}/tree`)).toEqual(plain(tree));
    expect(readFileSync(`${out}/plain.txt`, 'utf8')).toBe('hello\n');
    expect(Number(run('stat', '-c', '%b', `${out}/tree/sparse`))).toBeLessThan(300);
    for (const name of left)
      expect(warnings.some((w) => w.includes(name) || /a (fifo|\w+-device) is not copied/.test(w))).toBe(true);
    expect(run('find', out, '-type', 'l', '-lname', '/*')).toBe('');
  });

  it('copies nothing out through links', async () => {
    const trap = space.path('trap');
    const outside = space.path('outside');
    mkdirSync(`${trap}/tree`, { recursive: true });
    mkdirSync(outside);
    writeFileSync(`${outside}/plain.txt`, 'mine');
    symlinkSync(outside, `${trap}/etc`);
    symlinkSync(`${outside}/plain.txt`, `${trap}/tree/plain.txt`);
    symlinkSync(outside, `${trap}/tree/deep`);
    await withGuest(copyOf('trap.img'), async (g) => {
      await g.mkdir('/etc');
      await g.write('/etc/file', 'x');
      await expect(g.copyOut('/etc', trap)).rejects.toThrow('a symlink is there');
      await g.copyIn(tree, '/');
      await expect(g.copyOut('/tree', trap)).rejects.toThrow('a symlink is there');
      await g.mkdirP('/escape/sub/low');
      const links = {
        'sub/low/ok': '../../top',
        'sub/low/out': '../../../top',
        dots: 'sub/low/ok/../..',
        abs: '/etc',
        'sub/up': '..',
      };
      for (const [name, target] of Object.entries(links)) await g.lnS(target, `/escape/${name}`);
      await g.copyOut('/escape', trap);
    });
    expect(readFileSync(`${outside}/plain.txt`, 'utf8')).toBe('mine');
    expect(run('ls', outside)).toBe('plain.txt\n');
    expect(run('sh', '-c', 'cd "$1/escape" && find . -type l | sort', 'sh', trap)).toBe('./sub/low/ok\n./sub/up\n');
  });

  it('unpacks onto FAT what FAT can keep', async () => {
    const host = space.path('fat-tree');
    mkdirSync(`${host}/dir`, { recursive: true });
    writeFileSync(`${host}/dir/file.txt`, 'on FAT');
    run('chown', '1000:1000', `${host}/dir/file.txt`);
    const tar = space.path('fat.tar');
    run('tar', '-C', host, '-cf', tar, '.');
    const disk = makeFat(space, 'fat.img');
    await withGuest(disk, async (g) => {
      await g.tarIn(tar, '/');
      expect(await g.cat('/dir/file.txt')).toBe('on FAT');
      await g.copyIn(`${host}/dir`, '/dir');
      const out = space.path('fat-out.tar');
      await g.tarOut('/', out, { xattrs: true, acls: true });
      expect(run('tar', '-tf', out).split('\n').sort()).toEqual([
        '',
        './',
        './dir/',
        './dir/dir/',
        './dir/dir/file.txt',
        './dir/file.txt',
      ]);
      symlinkSync('dir', `${host}/link`);
      run('tar', '-C', host, '-cf', tar, 'link');
      await expect(g.tarIn(tar, '/')).rejects.toThrow(/not supported|not permitted/);
    });
    run('fsck.fat', '-n', disk);
  });
});
