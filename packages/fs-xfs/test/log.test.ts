import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core/block';
import { listHostTree, listTree, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { xfsDriver } from '../src/index.js';
import { attributesOf, fill, hostAttributes, makeXfs, scratch, take, withMount, XFS_TOOLS } from './support.js';

/** Feature sets, sizes of the log, of its sectors and stripes; and how the image came to be dirty. */
const KINDS = [
  ['today', [], 'flushed'],
  ['today', [], 'lost'],
  ['a log that wraps', ['-l', 'size=4m', '-m', 'rmapbt=0,reflink=0'], 'copied'],
  ['records of 256 KiB', ['-l', 'su=256k,size=32m', '-m', 'rmapbt=1'], 'copied'],
  ['directory blocks of 64 KiB', ['-n', 'size=65536', '-b', 'size=1024'], 'flushed'],
  [
    'large extent counts, inodes of 2 KiB, sectors of 4 KiB',
    ['-i', 'nrext64=1,size=2048', '-s', 'size=4096'],
    'copied',
  ],
  ['without big times', ['-m', 'bigtime=0,finobt=0,inobtcount=0', '-i', 'sparse=0'], 'flushed'],
] as const;
/** mkfs.xfs makes no logs below 64 MiB unless told that it is for tests. */
const SMALL = '--unsupported';

/** Changes every kind of metadata; parts of it stay in the log alone. */
const CHANGES = `
set -e
for round in 1 2 3; do
  mkdir -p churn
  seq -f 'churn/a name that is here for a short time only, %g' 4000 | xargs -d '\\n' touch
  seq -f 'churn/a name that is here for a short time only, %g' 5 4000 | xargs -d '\\n' rm -f
  rm -rf churn-old; mv churn churn-old
done
for i in $(seq 0 60); do dd if=/dev/zero bs=4k count=1 of=fragments seek=$((i * 37)) conv=notrunc status=none; done
sync
mv node/'a rather long name in a large directory, number 2' moved
rm -rf leaf short; ln -s "/$(printf 'm%.0s' $(seq 700))" new-link
for i in $(seq 80); do setfattr -n "user.later $i" -v "$(printf 'w%.0s' $(seq $i))" text; done
setfattr -n user.remote -v "$(printf 'R%.0s' $(seq 20000))" text
setfattr -x user.remote random
mkdir late; for i in $(seq 300); do echo "$i" > "late/file $i"; done
mknod late/device b 259 70000; mkfifo late/pipe
truncate -s 123456 random; fallocate -p -o 65536 -l 65536 holes
fallocate -l 300k late/room; chmod 600 block; chown 7:8 block; touch -d 1970-01-01 late
`;

describe.runIf(requireTools(...XFS_TOOLS, 'xfs_io', 'setfattr'))('a log that was not written back', () => {
  const { folder, remove } = scratch();
  afterAll(remove);

  /** The tree that the kernel sees after it recovered a copy. */
  function recovered(image: string): { tree: string[]; attributes: string[]; counts: bigint[] } {
    const copy = `${image}.recovered`;
    copyFileSync(image, copy);
    const out = { tree: [] as string[], attributes: [] as string[], counts: [] as bigint[] };
    withMount(
      copy,
      folder,
      (mount) => {
        out.tree = listHostTree(mount, { links: true });
        out.attributes = hostAttributes(mount);
      },
      'loop,noatime,nouuid',
    );
    // Inodes, free inodes, free blocks: unmounting wrote them.
    const superblock = readFileSync(copy);
    out.counts = [128, 136, 144].map((at) => superblock.readBigUInt64BE(at));
    rmSync(copy);
    return out;
  }

  it.each(KINDS)('%s %j, %s: what is read is what the kernel recovers', async (_name, options, how) => {
    const image = makeXfs(folder, [SMALL, ...options], '160M', (mount) => fill(mount));
    const copy = `${image}.live`;
    withMount(image, folder, (mount) => {
      execFileSync('sh', ['-c', CHANGES], { cwd: mount, stdio: 'pipe' });
      if (how === 'copied') {
        execFileSync('xfs_io', ['-c', 'fsync', `${mount}/late/file 300`]);
        execFileSync('cp', ['--sparse=always', image, copy]);
      } else execFileSync('xfs_io', ['-x', '-c', how === 'flushed' ? 'shutdown -f' : 'shutdown', mount]);
    });
    if (how === 'copied') renameSync(copy, image);
    const theirs = recovered(image);
    const before = take(image);
    const after = before.slice();
    const warnings: string[] = [];
    await using fs = await xfsDriver.open(MemoryDevice.from(after), {
      readonly: true,
      warn: ({ message }) => warnings.push(message),
    });
    expect(warnings).toEqual([expect.stringMatching(/replayed in memory/)]);
    expect(await listTree(fs, { links: true })).toEqual(theirs.tree);
    expect(theirs.tree.length).toBeGreaterThan(5000);
    expect(await attributesOf(fs)).toEqual(theirs.attributes);
    expect(Buffer.compare(before, after)).toBe(0);
  });

  it('a torn record at the head does not count, as with the kernel; a damaged one before it is an error', async () => {
    const image = makeXfs(folder, [SMALL], '40M', () => {});
    withMount(image, folder, (mount) => {
      for (let i = 0; i < 20; i++) {
        execFileSync('sh', ['-c', `mkdir ${i}; touch ${i}/a ${i}/b; echo ${i} > ${i}/c; sync`], { cwd: mount });
        execFileSync('xfs_io', ['-c', 'fsync', `${mount}/${i}/c`]);
      }
      execFileSync('xfs_io', ['-x', '-c', 'shutdown -f', mount]);
    });
    const data = readFileSync(image);
    const { start, records } = logRecords(data);
    expect(records.length).toBeGreaterThan(14);
    const flipped = (record: number): Buffer => {
      const copy = Buffer.from(data);
      const at = start + record * 512 + 700;
      copy.writeUInt8(copy.readUInt8(at) ^ 4, at);
      return copy;
    };
    const open = (bytes: Uint8Array) => xfsDriver.open(MemoryDevice.from(bytes), { readonly: true });

    const torn = flipped(records.at(-1)!);
    writeFileSync(image, torn);
    await using fs = await open(torn);
    const theirs = recovered(image);
    expect(await listTree(fs, { links: true })).toEqual(theirs.tree);
    const { files, filesFree, blocksFree } = await fs.statfs();
    expect([files, filesFree, blocksFree].map(BigInt)).toEqual(theirs.counts);
    await using whole = await open(data);
    expect(await listTree(whole)).not.toEqual(await listTree(fs));
    await expect(open(flipped(records.at(-12)!))).rejects.toMatchObject({ code: 'VMC_CORRUPT', message: /XFS log/ });
    await using old = await xfsDriver.open(MemoryDevice.from(data), { readonly: true, mountOptions: ['norecovery'] });
    expect(await listTree(old)).not.toEqual(await listTree(whole));
  });

  it.each([[], ['-l', 'su=256k,size=32m'], ['-m', 'crc=0', '-l', 'version=1']])(
    'what mkfs.xfs makes is clean: %s %s',
    async (...options) => {
      const image = join(folder, 'fresh.img');
      execFileSync('truncate', ['-s', '160M', image]);
      execFileSync('mkfs.xfs', ['-q', '-f', SMALL, ...options, image], { stdio: 'pipe' });
      const warnings: unknown[] = [];
      const opening = { readonly: true, warn: (warning: unknown) => warnings.push(warning) };
      await using fs = await xfsDriver.open(MemoryDevice.from(take(image)), opening);
      expect(await listTree(fs)).toEqual([]);
      expect(warnings).toEqual([]);
    },
  );

  it('contents on a realtime device are refused when they are read', async () => {
    const image = makeXfs(folder, [SMALL], '40M', (mount) => writeFileSync(join(mount, 'file'), 'contents'));
    execFileSync('xfs_db', ['-x', '-c', 'path /file', '-c', 'write core.realtime 1', image], { stdio: 'pipe' });
    await using fs = await xfsDriver.open(MemoryDevice.from(take(image)), { readonly: true });
    const file = (await fs.lookup(fs.root, 'file'))!;
    expect((await fs.stat(file)).size).toBe(8);
    await expect(fs.read(file, 0, 8)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /realtime/ });
  });

  it('a log on another device is refused, and read as it stands when that is asked for', async () => {
    const log = join(folder, 'external.log');
    execFileSync('truncate', ['-s', '64M', log]);
    const image = join(folder, 'external.img');
    execFileSync('truncate', ['-s', '320M', image]);
    execFileSync('mkfs.xfs', ['-q', '-l', `logdev=${log},size=16384b`, image], { stdio: 'pipe' });
    const device = MemoryDevice.from(take(image));
    await expect(xfsDriver.open(device, { readonly: true })).rejects.toMatchObject({
      code: 'VMC_UNSUPPORTED',
      message: /another device.*norecovery/,
    });
    await using fs = await xfsDriver.open(device, { readonly: true, mountOptions: ['norecovery'] });
    expect(await listTree(fs)).toEqual([]);
  });
});

/** Where the log begins, bytes, and its records, in basic blocks from there. */
function logRecords(data: Buffer): { start: number; records: number[] } {
  const block = data.readBigUInt64BE(48);
  const groupLog = BigInt(data.readUInt8(124));
  const linear = (block >> groupLog) * BigInt(data.readUInt32BE(84)) + (block & ((1n << groupLog) - 1n));
  const start = Number(linear) * data.readUInt32BE(4);
  const total = (data.readUInt32BE(96) * data.readUInt32BE(4)) / 512;
  const records: number[] = [];
  for (let i = 0; i < total; i++) {
    const at = start + i * 512;
    if (data.readUInt32BE(at) === 0xfeedbabe && data.readUInt32BE(at + 4) === 1 && data.readUInt32BE(at + 12) > 0) {
      records.push(i);
    }
  }
  return { start, records };
}
