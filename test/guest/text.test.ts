import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFileName } from '@vmcraft/core/binary';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GuestFS } from 'vmcraft';
import { makeExt, makeFat, run } from './archive-image.js';
import { Workspace } from './image.js';

const linesOf = (text: string): string[] => {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
};

/** Files of many kinds in a folder. */
function makeFiles(folder: string): void {
  const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
  write('empty', '');
  write('lines', Array.from({ length: 25_000 }, (_, i) => `line ${i + 1} ${'x'.repeat(i % 50)}\n`).join(''));
  write('unended', 'one\ntwo\n\nthree');
  write('blank', '\n\n\n');
  write('words', '  two words\tthree\n\nfour\u00e9 five\r\n');
  write('random', pattern(3_000_000, 7));
  write('noise', pattern(200_000, 5));
  write('zeros', new Uint8Array(100_000));
  write('mixed', Buffer.concat([Buffer.alloc(1000), Buffer.from('hello'), pattern(37), Buffer.alloc(64, 65)]));
  const wide = (text: string, width: number, big: boolean): Buffer =>
    Buffer.concat(
      [...text].map((c) => {
        const unit = Buffer.alloc(width);
        unit[big ? width - 1 : 0] = c.charCodeAt(0);
        return unit;
      }),
    );
  const texts = ['short', 'a longer text', 'no'];
  for (const [name, width, big] of [
    ['le16', 2, false],
    ['be16', 2, true],
    ['le32', 4, false],
    ['be32', 4, true],
  ] as const) {
    write(
      name,
      Buffer.concat(texts.flatMap((t, i) => [Buffer.alloc(i + 1, 0xff), wide(t, width, big), pattern(9, i + 1)])),
    );
  }
  write('latin', Buffer.from('caf\xe9 na\xefve \x80\x81\x82\x83 plain\n', 'latin1'));
  write('script.sh', '#!/bin/sh\necho hi\n');
  write('utf8.txt', 'häßlich ☃\n');
  write('page.html', '<!DOCTYPE html>\n<html><body>x</body></html>\n');
  write('data.json', '{"a": [1, 2, 3], "b": null}\n');
  write('crlf.txt', 'a\r\nb\r\n');
  write('png', Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001080600000000', 'hex'));
  write('pdf', '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n');
  run(
    'sh',
    '-ec',
    `cd "$1"; gzip -nk lines; bzip2 -k unended; xz -k words; zstd -q mixed; cp /bin/true elf
    tar -cf archive.tar unended blank; zip -q z.zip unended 2>/dev/null || true; qemu-img create -q -f qcow2 disk.qcow2 1M
    mkdir sub; ln -s lines link; ln -s nothing broken; mkfifo pipe; mknod null c 1 3
    (cd / && echo etc/hostname | cpio -o -H newc --quiet) > plain.cpio; gzip -nk plain.cpio`,
    'sh',
    folder,
  );
  symlinkSync('/lines', join(folder, 'absolute'));
}

const TOOLS = [
  'mke2fs',
  'root',
  'strings',
  'hexdump',
  'file',
  'gzip',
  'bzip2',
  'xz',
  'zstd',
  'cpio',
  'qemu-img',
  'base64',
  'od',
];

describe.runIf(requireTools(...TOOLS))('text of files', () => {
  let space: Workspace;
  let folder: string;
  let g: GuestFS;

  beforeAll(async () => {
    space = new Workspace();
    folder = space.path('files');
    mkdirSync(folder);
    makeFiles(folder);
    g = await GuestFS.open(makeExt(space, 'text.img', folder), { format: 'raw' });
    await g.mount('/dev/sda', '/');
  });
  afterAll(async () => {
    await g.rollback();
    space[Symbol.dispose]();
  });

  const host = (name: string): string => join(folder, name);
  const TEXTS = ['empty', 'lines', 'unended', 'blank', 'words', 'noise', 'zeros'];
  const asText = (script: string, name: string): string =>
    Buffer.from(run('sh', '-c', `${script} | base64 -w0`, 'sh', host(name)), 'base64').toString('latin1');
  /** The bytes of each line as one letter each. */
  const latin = (lines: readonly string[]): string[] =>
    lines.map((line) => Buffer.from(encodeFileName(line)).toString('latin1'));

  it.each(TEXTS)('has the ends of %s as head and tail', async (name) => {
    const path = `/${name}`;
    expect(latin(await g.head(path))).toEqual(linesOf(asText('head "$1"', name)));
    expect(latin(await g.tail(path))).toEqual(linesOf(asText('tail "$1"', name)));
    for (const n of [0, 1, 2, 3, 1000, 30_000]) {
      expect(latin(await g.headN(n, path)), `head ${n}`).toEqual(linesOf(asText(`head -n ${n} "$1"`, name)));
      expect(latin(await g.tailN(n, path)), `tail ${n}`).toEqual(linesOf(asText(`tail -n ${n} "$1"`, name)));
      if (n === 0) continue;
      expect(latin(await g.headN(-n, path)), `head -${n}`).toEqual(linesOf(asText(`head -n -${n} "$1"`, name)));
      expect(latin(await g.tailN(-n, path)), `tail +${n}`).toEqual(linesOf(asText(`tail -n +${n} "$1"`, name)));
    }
  });

  it.each(TEXTS)('counts %s as wc', async (name) => {
    const count = (option: string): number =>
      Number.parseInt(run('sh', '-c', `LC_ALL=C.UTF-8 wc ${option} < "$1"`, 'sh', host(name)), 10);
    expect(await g.wcC(`/${name}`)).toBe(count('-c'));
    expect(await g.wcL(`/${name}`)).toBe(count('-l'));
    if (name !== 'noise' && name !== 'zeros') expect(await g.wcW(`/${name}`)).toBe(count('-w'));
  });

  it.each([...TEXTS, 'mixed', 'le16', 'be16', 'le32', 'be32', 'latin', 'elf'])(
    'finds the strings of %s',
    async (name) => {
      expect(await g.strings(`/${name}`)).toEqual(linesOf(run('strings', '-a', host(name))));
      for (const e of ['s', 'S', 'b', 'l', 'B', 'L']) {
        expect(latin(await g.stringsE(e, `/${name}`)), e).toEqual(linesOf(asText(`strings -a -e ${e} "$1"`, name)));
      }
      await expect(g.stringsE('x', `/${name}`)).rejects.toThrow('encoding must be one of');
    },
  );

  it.each(['empty', 'unended', 'zeros', 'mixed', 'le32', 'blank', 'elf'])('dumps %s as hexdump -C', async (name) => {
    expect(await g.hexdump(`/${name}`)).toBe(run('hexdump', '-C', host(name)));
  });

  it('says what files are as file does', async () => {
    const plain = [
      'empty',
      'lines',
      'script.sh',
      'utf8.txt',
      'page.html',
      'data.json',
      'crlf.txt',
      'png',
      'pdf',
      'latin',
    ];
    const found: Record<string, string> = {};
    for (const name of [...plain, 'zeros', 'archive.tar', 'disk.qcow2', 'plain.cpio'])
      found[name] = await g.file(`/${name}`);
    const expected = Object.fromEntries(Object.keys(found).map((name) => [name, run('file', '-b', host(name)).trim()]));
    // A newer libmagic says the same of a JSON file and of a disk in other words.
    expect(found).toEqual({ ...expected, 'data.json': found['data.json'], 'disk.qcow2': found['disk.qcow2'] });
    expect(found['data.json']).toMatch(/^JSON (text )?data/);
    expect(found['disk.qcow2']).toMatch(/^QEMU QCOW2? Image \(v3\), 1048576 bytes/);
    expect(await g.file('/elf')).toMatch(/^ELF 64-bit LSB (pie|shared|executable)/);
    expect(await g.file('/lines.gz')).toMatch(/^ASCII text \(gzip compressed data/);
    expect(await g.file('/unended.bz2')).toMatch(
      /^ASCII text, with no line terminators|^ASCII text \(bzip2 compressed data/,
    );
    expect(await g.file('/words.xz')).toMatch(/\(XZ compressed data/);
    expect(await g.file('/sub')).toBe('directory');
    expect(await g.file('/link')).toBe('symbolic link');
    expect(await g.file('/pipe')).toBe('FIFO');
    expect(await g.file('/null')).toBe('character device');
    expect(await g.file('/dev/sda')).toMatch(/^Linux rev 1\.0 ext4 filesystem data/);
    expect(await g.zfile('gzip', '/lines.gz')).toBe('ASCII text');
    expect(await g.zfile('bzip2', '/unended.bz2')).toBe('ASCII text');
    await expect(g.zfile('rot13', '/lines')).rejects.toThrow('unknown method');
    await expect(g.file('/none')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('finds lines in all forms of grep', async () => {
    const path = '/lines';
    const grep = (...options: string[]): string[] => linesOf(run('grep', ...options, host('lines')));
    expect(await g.grep('line 1.*2 x$', path)).toEqual(grep('line 1.*2 x$'));
    expect(await g.grep('(9|8){3}', path, { extended: true })).toEqual(grep('-E', '(9|8){3}'));
    expect(await g.grep('LINE 77', path, { insensitive: true })).toEqual(grep('-i', 'LINE 77'));
    expect(await g.grep('7 x.', path, { fixed: true })).toEqual([]);
    expect(await g.egrep('^line (1|22) ', path)).toHaveLength(2);
    expect(await g.egrepi('^LINE (1|22) ', path)).toHaveLength(2);
    expect(await g.fgrep('line 777 ', path)).toHaveLength(1);
    expect(await g.fgrepi('LINE 777 ', path)).toHaveLength(1);
    expect(await g.grepi('LINE 777 ', path)).toHaveLength(1);
    for (const file of [path, '/lines.gz']) {
      expect(await g.zgrep('line 777 ', file)).toHaveLength(1);
      expect(await g.zgrepi('LINE 777 ', file)).toHaveLength(1);
      expect(await g.zegrep('line (777|778) ', file)).toHaveLength(2);
      expect(await g.zegrepi('LINE (777|778) ', file)).toHaveLength(2);
      expect(await g.zfgrep('line 777 ', file)).toHaveLength(1);
      expect(await g.zfgrepi('LINE 777 ', file)).toHaveLength(1);
      expect(await g.grep('line 777 ', file, { compressed: true })).toHaveLength(1);
    }
    expect(await g.grep('nothing', '/empty')).toEqual([]);
    await expect(g.grep('(', path, { extended: true })).rejects.toThrow('Unmatched (');
    await expect(g.grep('a', path, { extended: true, fixed: true })).rejects.toThrow('at the same time');
    await expect(g.grep('a', '/sub')).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('computes checksums as coreutils do', async () => {
    const commands = {
      crc: 'cksum',
      md5: 'md5sum',
      sha1: 'sha1sum',
      sha224: 'sha224sum',
      sha256: 'sha256sum',
      sha384: 'sha384sum',
      sha512: 'sha512sum',
    };
    await g.mkdir('/odd');
    const odd = space.path('odd');
    mkdirSync(odd);
    for (const name of ['back\\slash', 'new\nline', 'return\rhere', 'plain', 'sp ace']) {
      await g.write(`/odd/${name}`, name);
      writeFileSync(join(odd, name), name);
    }
    for (const [type, command] of Object.entries(commands)) {
      for (const name of ['empty', 'lines', 'random']) {
        expect(await g.checksum(type, `/${name}`)).toBe(
          run('sh', '-c', `${command} < "$1"`, 'sh', host(name)).split(' ')[0],
        );
      }
      const out = space.path('sums');
      await g.checksumsOut(type, '/odd', out);
      const expected = run(
        'sh',
        '-c',
        `cd "$1" && find -type f -print0 | LC_ALL=C sort -z | xargs -0 ${command}`,
        'sh',
        odd,
      );
      expect(readFileSync(out, 'utf8')).toBe(expected);
    }
    await g.sync();
    expect(await g.checksumDevice('sha256', '/dev/sda')).toBe(run('sha256sum', space.path('text.img')).split(' ')[0]);
    await expect(g.checksum('gost', '/lines')).rejects.toThrow('unknown checksum type, expecting crc|md5');
    await expect(g.checksumsOut('md5', '/lines', '-')).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('moves bytes, whole and in parts', async () => {
    const out = space.path('download');
    await g.download('/random', out);
    expect(run('cmp', out, host('random'))).toBe('');
    await g.downloadOffset('/random', out, 1_000_001, 1_234_567);
    expect(readFileSync(out).equals(readFileSync(host('random')).subarray(1_000_001, 2_234_568))).toBe(true);
    await g.upload(host('random'), '/uploaded');
    await g.uploadOffset(host('unended'), '/uploaded', 500_000);
    await g.uploadOffset(host('unended'), '/with-hole', 500_000);
    expect(await g.checksum('md5', '/uploaded')).not.toBe(await g.checksum('md5', '/random'));
    expect(
      Buffer.from(await g.pread('/uploaded', 14, 499_999))
        .subarray(1)
        .toString(),
    ).toBe('one\ntwo\n\nthre');
    expect(await g.filesize('/uploaded')).toBe(3_000_000);
    expect((await g.stat('/with-hole')).blocks).toBeLessThan(32);
    const chunks: Uint8Array[] = [];
    await g.download('/absolute', { write: (chunk) => void chunks.push(chunk.slice()) });
    expect(Buffer.concat(chunks).equals(readFileSync(host('lines')))).toBe(true);
    await g.upload(
      (async function* () {
        yield Buffer.from('from a stream');
      })(),
      '/streamed',
    );
    expect(await g.cat('/streamed')).toBe('from a stream');
    for (const [offset, size] of [
      [-1, 1],
      [0, -1],
      [2_999_999, 2],
    ] as const) {
      await expect(g.downloadOffset('/random', out, offset, size)).rejects.toMatchObject({ code: 'EINVAL' });
    }
    await expect(g.uploadOffset(host('lines'), '/x', -1)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(g.upload(host('none'), '/x')).rejects.toMatchObject({ code: 'VMC_HOST' });
    await expect(g.upload(host('lines'), '/sub')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(g.download('/sub', out)).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(g.download('/none', out)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(g.upload(host('lines'), '/dev/sda')).rejects.toMatchObject({ code: 'EBUSY' });
  });

  it('moves bytes of devices', async () => {
    const disk = makeFat(space, 'device.img');
    const before = readFileSync(disk);
    await using d = await GuestFS.open(disk, { format: 'raw' });
    const out = space.path('device.out');
    await d.downloadOffset('/dev/sda', out, 510, 2);
    expect([...readFileSync(out)]).toEqual([0x55, 0xaa]);
    await d.download('/dev/sda', out);
    expect(readFileSync(out).equals(before)).toBe(true);
    await d.compressDeviceOut('gzip', '/dev/sda', `${out}.gz`, { level: 1 });
    expect(run('sh', '-c', 'gzip -dc "$1" | cmp - "$2"', 'sh', `${out}.gz`, disk)).toBe('');
    await d.uploadOffset(host('unended'), '/dev/sda', 20 << 20);
    expect(Buffer.from(await d.preadDevice('/dev/sda', 13, 20 << 20)).toString()).toBe('one\ntwo\n\nthre');
    await expect(d.uploadOffset(host('random'), '/dev/sda', 39 << 20)).rejects.toMatchObject({ code: 'ENOSPC' });
    await d.upload(makeExt(space, 'small.img', folder, 32 << 20), '/dev/sda');
    expect(await d.vfsType('/dev/sda')).toBe('ext4');
    await d.rollback();
  });

  it('converts to and from base64', async () => {
    for (const name of ['empty', 'lines', 'random', 'unended']) {
      const out = space.path('base64');
      await g.base64Out(`/${name}`, out);
      expect(readFileSync(out, 'utf8')).toBe(run('base64', host(name)));
      await g.base64In(out, '/decoded');
      expect(await g.checksum('sha1', '/decoded')).toBe(await g.checksum('sha1', `/${name}`));
    }
    for (const bad of ['YQ', 'Y*==', '====', 'YQ=a', 'YWJj\nY']) {
      const file = space.path('bad64');
      writeFileSync(file, bad);
      await expect(g.base64In(file, '/decoded'), bad).rejects.toThrow('invalid base64');
    }
    writeFileSync(space.path('odd64'), 'YWJj\r\nZGU=\n  Zg==\n');
    await g.base64In(space.path('odd64'), '/decoded');
    expect(await g.cat('/decoded')).toBe('abcdef');
  });

  it('compresses files, where the host can', async () => {
    const out = space.path('compressed');
    await g.compressOut('gzip', '/lines', out, { level: 9 });
    expect(run('sh', '-c', 'gzip -dc "$1" | cmp - "$2"', 'sh', out, host('lines'))).toBe('');
    for (const type of ['lzop', 'compress'])
      await expect(g.compressOut(type, '/lines', out)).rejects.toThrow('not supported');
    await expect(g.compressOut('rot13', '/lines', out)).rejects.toThrow("unknown compression type 'rot13'");
    await expect(g.compressOut('gzip', '/lines', out, { level: 10 })).rejects.toThrow('invalid level');
  });

  it('writes and reads cpio archives', async () => {
    for (const format of ['newc', 'crc']) {
      const out = space.path(`${format}.cpio`);
      await g.cpioOut('/', out, { format });
      const unpacked = space.path(`cpio-${format}`);
      mkdirSync(unpacked);
      run('sh', '-ec', 'cd "$1" && cpio -idm --quiet < "$2"', 'sh', unpacked, out);
      for (const name of ['lines', 'random', 'script.sh', 'blank'])
        expect(run('cmp', join(unpacked, name), host(name))).toBe('');
      expect(run('readlink', join(unpacked, 'link')).trim()).toBe('lines');
      expect(run('stat', '-c', '%F %t %T', join(unpacked, 'null')).trim()).toBe('character special file 1 3');
    }
    await expect(g.cpioOut('/', '-', { format: 'tar' })).rejects.toThrow("format must be 'newc' or 'crc'");
    for (const name of ['/plain.cpio', '/plain.cpio.gz']) {
      expect(await g.initrdList(name)).toEqual(['etc/hostname']);
      expect(Buffer.from(await g.initrdCat(name, 'etc/hostname'))).toEqual(readFileSync('/etc/hostname'));
      await expect(g.initrdCat(name, 'none')).rejects.toMatchObject({ code: 'ENOENT' });
    }
    await expect(g.initrdList('/random')).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('says what it cannot do', async () => {
    // Nothing of the host may stand in.
    vi.stubEnv('PATH', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    const code = 'VMC_NO_CAPABILITY';
    await expect(g.mksquashfs('/', '-')).rejects.toMatchObject({ code });
    await expect(g.rsync('/', '/sub')).rejects.toMatchObject({ code });
    await expect(g.rsyncIn('host:/x', '/sub')).rejects.toMatchObject({ code });
    await expect(g.rsyncOut('/', 'host:/x')).rejects.toMatchObject({ code });
  });
});
