import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isoDriver, readBootCatalog } from '../src/index.js';
import { DISC_TOOLS, makeTree } from './support.js';

const NAMES_ONLY = { attributes: false };
const quiet = { stdio: ['ignore', 'ignore', 'ignore'] as ['ignore', 'ignore', 'ignore'] };

/** How each disc is made. */
const DISCS = [
  { name: 'rock ridge by xorriso', make: ['xorriso', '-as', 'mkisofs', '-R'] },
  { name: 'rock ridge by genisoimage', make: ['genisoimage', '-R'] },
  {
    name: 'deep directories moved',
    make: ['xorriso', '-compliance', 'deep_paths_off', '-as', 'mkisofs', '-R'],
  },
  {
    name: 'rock ridge and joliet',
    make: ['xorriso', '-as', 'mkisofs', '-R', '-J', '-joliet-long'],
  },
] as const;

describe.runIf(requireTools(...DISC_TOOLS))('discs of real tools', () => {
  let folder: string;
  let tree: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-iso-'));
    tree = makeTree(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const disc = (name: string, command: readonly string[], source = tree): MemoryDevice => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.iso`);
    execFileSync(command[0]!, [...command.slice(1), '-quiet', '-V', 'DISC', '-o', path, source], quiet);
    return MemoryDevice.from(readFileSync(path));
  };
  /** The disc as libisofs reads and restores it. */
  const extracted = (name: string, namespace: 'norock'): string => {
    const target = join(folder, `out-${name.replaceAll(' ', '-')}`);
    const path = join(folder, `${name.replaceAll(' ', '-')}.iso`);
    const read = ['-read_fs', namespace, '-osirrox', 'on', '-indev', path];
    execFileSync('xorriso', [...read, '-extract', '/', target], quiet);
    return target;
  };

  it.each(DISCS)('$name: the tree is the one it was made from', async ({ name, make }) => {
    const device = disc(name, make);
    await using fs = await isoDriver.open(device, { readonly: true });
    const ours = await listTree(fs);
    // genisoimage shows the folder to which it moved what is too deep, and cuts long links when it writes them.
    const isTheirs = (l: string): boolean => make[0] === 'genisoimage' && /^\/(rr_moved|long link) /.test(l);
    const kept = (lines: string[]): string[] => lines.filter((l) => !isTheirs(l));
    expect(kept(ours)).toEqual(kept(listHostTree(tree)));
  });

  it.each([
    ['zisofs', []],
    ['zisofs version 2', ['-zisofs', 'version_2=on']],
  ])('%s: compressed files are unpacked', async (name, options) => {
    const path = join(folder, `${name}.iso`);
    const filter = ['-set_filter_r', '--zisofs', '/', '--'];
    execFileSync('xorriso', ['-outdev', path, ...options, '-map', tree, '/', ...filter], quiet);
    const device = MemoryDevice.from(readFileSync(path));
    await using fs = await isoDriver.open(device, { readonly: true });
    expect(await listTree(fs)).toEqual(listHostTree(tree));
    const { blocks } = await fs.stat((await fs.lookup(fs.root, 'text'))!);
    expect(blocks * 512).toBeLessThan(20_000);
  });

  it('joliet names, where Rock Ridge is left aside', async () => {
    const device = disc('joliet', ['genisoimage', '-R', '-J', '-joliet-long']);
    await using fs = await isoDriver.open(device, { readonly: true, mountOptions: ['norock'] });
    const ours = await listTree(fs, NAMES_ONLY);
    expect(ours).toEqual(listHostTree(extracted('joliet', 'norock'), NAMES_ONLY));
    expect(ours.some((l) => l.startsWith('/UPPER and Ünïcode ☃ '))).toBe(true);
  });

  it('plain names in lower case', async () => {
    const device = disc('plain', ['genisoimage', '-l', '-D', '-f'], join(tree, 'a'));
    await using fs = await isoDriver.open(device, { readonly: true });
    expect(await listTree(fs, NAMES_ONLY)).toEqual(listHostTree(join(tree, 'a'), NAMES_ONLY));
  });

  it.each(['1', '2', '3'])('joliet level %s', async (level) => {
    const device = disc(`level ${level}`, ['genisoimage', '-J', '-ucs-level', level], join(tree, 'many'));
    await using fs = await isoDriver.open(device, { readonly: true });
    expect(await listTree(fs, NAMES_ONLY)).toEqual(listHostTree(join(tree, 'many'), NAMES_ONLY));
  });

  it('paths and contents as isoinfo has them', async () => {
    const device = disc('isoinfo', ['genisoimage', '-R', '-J', '-joliet-long']);
    const path = join(folder, 'isoinfo.iso');
    const isoinfo = (...args: string[]): Buffer => execFileSync('isoinfo', ['-i', path, '-R', ...args]);
    await using fs = await isoDriver.open(device, { readonly: true });
    const ours = (await listTree(fs, NAMES_ONLY)).map((l) => l.replace(/ \d+( \S*)*$/, ''));
    const theirs = isoinfo('-f')
      .toString()
      .match(/^\/.*$/gm)!
      .filter((line) => !line.startsWith('/rr_moved'));
    expect(theirs.length).toBeGreaterThan(300);
    for (const name of theirs)
      expect(
        ours.some((l) => l.startsWith(name)),
        name,
      ).toBe(true);
    const text = (await fs.lookup(fs.root, 'text'))!;
    const { size } = await fs.stat(text);
    expect(
      Buffer.compare(await fs.read(text, 0, size), execFileSync('isoinfo', ['-i', path, '-J', '-x', '/text'])),
    ).toBe(0);
  });

  it('path tables are not needed', async () => {
    const device = disc('path tables', ['genisoimage', '-R']);
    await using whole = await isoDriver.open(device, { readonly: true });
    const expected = await listTree(whole);
    const data = (await device.read(0, device.size)).slice();
    const view = new DataView(data.buffer);
    const descriptor = 16 * 2048;
    const length = view.getUint32(descriptor + 132, true);
    for (const at of [view.getUint32(descriptor + 140, true), view.getUint32(descriptor + 148)]) {
      data.fill(0xff, at * 2048, at * 2048 + length);
    }
    await using fs = await isoDriver.open(MemoryDevice.from(data), { readonly: true });
    expect(await listTree(fs)).toEqual(expected);
  });

  it('of several sessions the one that is asked for', async () => {
    const path = join(folder, 'sessions.iso');
    const first = execFileSync('genisoimage', ['-quiet', '-R', '-D', '-V', 'ONE', join(tree, 'a')], {
      maxBuffer: 1 << 26,
    });
    writeFileSync(path, first);
    const start = Math.ceil(first.length / 2048 / 16) * 16;
    const second = ['-quiet', '-R', '-D', '-V', 'TWO', '-C', `0,${start}`, '-M', path, join(tree, 'many')];
    const data = new Uint8Array(start * 2048 + (8 << 20));
    data.set(first);
    data.set(execFileSync('genisoimage', second, { maxBuffer: 1 << 26 }), start * 2048);
    const device = MemoryDevice.from(data);
    await using one = await isoDriver.open(device, { readonly: true });
    await using two = await isoDriver.open(device, { readonly: true, mountOptions: [`sbsector=${start}`] });
    expect(await listTree(one)).toEqual(listHostTree(join(tree, 'a')));
    const both = [...listHostTree(join(tree, 'a')), ...listHostTree(join(tree, 'many'))].sort();
    expect(await listTree(two)).toEqual(both);
    expect(two.identity.label).toBe('TWO');
  });

  it('finds what two names of one file have in common', async () => {
    const device = disc('hard links', ['xorriso', '-as', 'mkisofs', '-R', '--hardlinks']);
    await using fs = await isoDriver.open(device, { readonly: true });
    const [one, two] = [await fs.lookup(fs.root, 'random'), await fs.lookup(fs.root, 'second name')];
    expect(one!.ino).toBe(two!.ino);
    expect((await fs.stat(one!)).nlink).toBe(2);
  });

  it('a file of several sections', async () => {
    const big = join(folder, 'big');
    mkdirSync(big);
    execFileSync('truncate', ['-s', '4200M', join(big, 'file')]);
    execFileSync('sh', ['-c', 'printf END | dd of=file bs=1 seek=4404019200 conv=notrunc status=none'], { cwd: big });
    const path = join(folder, 'big.iso');
    execFileSync(
      'sh',
      ['-c', `xorriso -as mkisofs -quiet -R -iso-level 3 -o - big | cp --sparse=always /dev/stdin ${path}`],
      { cwd: folder },
    );
    const { open } = await import('node:fs/promises');
    const handle = await open(path);
    const { size } = await handle.stat();
    const device = {
      size,
      sectorSize: 512 as const,
      writable: false,
      read: async (offset: number, length: number) =>
        (await handle.read(new Uint8Array(length), 0, length, offset)).buffer,
      write: async () => expect.unreachable(),
      flush: async () => {},
      close: () => handle.close(),
    };
    await using fs = await isoDriver.open(device, { readonly: true });
    const node = (await fs.lookup(fs.root, 'file'))!;
    expect((await fs.stat(node)).size).toBe(4_404_019_203);
    expect(new TextDecoder().decode(await fs.read(node, 4_404_019_198, 100))).toBe('\0\0END');
    await handle.close();
    rmSync(path);
  }, 120_000);

  it('lists the boot images', async () => {
    const device = disc('boot', [
      'xorriso',
      '-as',
      'mkisofs',
      '-R',
      '-b',
      'random',
      '-no-emul-boot',
      '-boot-load-size',
      '4',
      '-c',
      'boot.cat',
      '-eltorito-alt-boot',
      '-e',
      'text',
      '-no-emul-boot',
    ]);
    const images = await readBootCatalog(device);
    expect(images).toMatchObject([
      { platform: 'x86', bootable: true, emulation: 'none', loadSize: 2048 },
      { platform: 'efi', bootable: true, emulation: 'none' },
    ]);
    expect(await device.read(images[0]!.offset, 100)).toEqual(
      new Uint8Array(readFileSync(join(tree, 'random')).subarray(0, 100)),
    );
    expect(await readBootCatalog(disc('no boot', ['genisoimage', '-R']))).toEqual([]);
  });

  it('label and type as blkid has them', async () => {
    disc('label', ['xorriso', '-as', 'mkisofs', '-R', '-J']);
    const path = join(folder, 'label.iso');
    const blkid = execFileSync('blkid', ['-p', '-o', 'export', path], { encoding: 'utf8' });
    const found = await isoDriver.probe(MemoryDevice.from(readFileSync(path)));
    expect(found).toMatchObject({
      type: /^TYPE=(.*)$/m.exec(blkid)![1],
      label: /^LABEL=(.*)$/m.exec(blkid)![1],
      uuid: /^UUID=(.*)$/m.exec(blkid)![1],
    });
  });
});
