// One scenario on every backend: what a session answers and what is on the disk afterwards must not depend on who does the work.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS, type OpenOptions } from 'vmcraft';
import { APPLIANCE_TIME, hasAppliance } from './appliance.js';
import { makeGuestDisk } from './guest-disk.js';

/** Backends, and what they need; the first is what the others are compared with. */
const BACKENDS: readonly { readonly name: string; readonly options: OpenOptions; readonly runs: boolean }[] = [
  { name: 'native', options: {}, runs: true },
  { name: 'host', options: { backend: 'host' }, runs: requireTools('root', 'python3', 'qemu-storage-daemon') },
  { name: 'libguestfs', options: { backend: 'libguestfs' }, runs: hasAppliance() },
];

const sha = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

/** Times of access and of change, and device numbers, are of the moment and the machine. */
const lasting = ({
  st_dev: _d,
  st_atime_sec: _a,
  st_atime_nsec: _an,
  ...rest
}: Awaited<ReturnType<GuestFS['lstatns']>>) => rest;

/** An error as code and cause; the operation in it is the same for all. */
const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => value,
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

async function archive(g: GuestFS, folder: string): Promise<{ names: string[]; contents: string }> {
  const chunks: Uint8Array[] = [];
  await g.tarOut(folder, { write: (chunk) => void chunks.push(chunk.slice()) }, { numericowner: true });
  const whole = Buffer.concat(chunks);
  const names: string[] = [];
  for (let at = 0; at + 512 <= whole.length; at += 512) {
    const head = whole.subarray(at, at + 512);
    if (head.subarray(257, 262).toString('latin1') === 'ustar')
      names.push(head.subarray(0, 100).toString('utf8').replace(/\0.*$/s, ''));
  }
  return { names: names.sort(), contents: sha(whole) };
}

/** An archive that GNU tar makes: names, modes, owners, links, times and attributes of files that are not the guest's. */
let packed: Buffer | undefined;
async function* foreignArchive(): AsyncGenerator<Uint8Array> {
  packed ??= packFolder();
  yield new Uint8Array(packed);
}

function packFolder(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
  try {
    const make =
      'mkdir -p d/e; echo one > d/one; printf "%0200d" 0 > "d/e/$(printf "n%.0s" $(seq 120))"; ln d/one d/two; ln -s ../one d/e/link; ' +
      'chmod 2755 d/e; chmod 4711 d/one; truncate -s 100000 d/hole; touch -d @1234567890.5 d/one; setfattr -n user.a -v b d/one; chown 1234:4321 d/e';
    execFileSync('sh', ['-ec', make], { cwd: folder });
    return execFileSync('tar', ['-C', folder, '--xattrs', '--format=pax', '--sort=name', '-cf', '-', 'd'], {
      maxBuffer: 1 << 24,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function reading(g: GuestFS): Promise<Record<string, unknown>> {
  const names = await g.find('/');
  const stats = await Promise.all(names.map(async (name) => [name, lasting(await g.lstatns(`/${name}`))]));
  return {
    roots: await g.inspectOs(),
    distro: [
      await g.inspectGetDistro('/dev/sda1'),
      await g.inspectGetProductName('/dev/sda1'),
      await g.inspectGetHostname('/dev/sda1'),
    ],
    mountpoints: await g.inspectGetMountpoints('/dev/sda1'),
    type: [await g.vfsType('/dev/sda1'), await g.vfsLabel('/dev/sda1'), await g.vfsUuid('/dev/sda1')],
    names,
    stats,
    hostname: await g.cat('/etc/hostname'),
    links: [
      await g.readlink('/home/user/absolute'),
      await g.cat('/home/user/absolute'),
      await g.cat('/home/user/relative'),
    ],
    outside: await outcome(g.cat('/home/user/outside')),
    loop: await outcome(g.cat('/home/user/loop')),
    missing: await outcome(g.cat('/nothing')),
    folder: await outcome(g.cat('/etc')),
    sums: await Promise.all(['md5', 'sha256', 'crc'].map((kind) => g.checksum(kind, '/home/user/big'))),
    part: sha(await g.pread('/home/user/big', 70_000, 1_234_567)),
    end: await g.pread('/home/user/big', 100, 2_999_999),
    room: (({ bsize, blocks, files, namemax }) => ({ bsize, blocks, files, namemax }))(await g.statvfs('/')),
    archive: await archive(g, '/home/user'),
  };
}

async function writing(g: GuestFS): Promise<Record<string, unknown>> {
  await g.write('/etc/hostname', 'web1\n');
  await g.mkdirP('/srv/a/b');
  await g.write('/srv/a/b/data', new Uint8Array(5_000_000).fill(0x5a));
  await g.pwrite('/srv/a/b/data', 'inserted', 2_500_000);
  await g.truncateSize('/srv/a/b/data', 4_000_000);
  await g.lnS('../b/data', '/srv/a/link');
  await g.ln('/srv/a/b/data', '/srv/a/hard');
  await g.chmod(0o6751, '/srv/a/b/data');
  await g.chown(1000, 1001, '/srv/a/b/data');
  await g.lchown(7, 8, '/srv/a/link');
  await g.utimens('/srv/a/b/data', 1_000_000_000, 5, 1_100_000_000, 123_456_789);
  await g.mknodC(0o620, 5, 1, '/srv/console');
  await g.mkfifo(0o600, '/srv/pipe');
  await g.lsetxattr('user.colour', 'blue', 4, '/srv/a/b/data');
  await g.setxattr('user.gone', 'x', 1, '/srv/a/b/data');
  await g.removexattr('user.gone', '/srv/a/b/data');
  await g.aclSetFile('/srv/a/b/data', 'access', 'u::rwx,u:33:r,g::r-x,m::rwx,o::---');
  await g.mkdir('/srv/unpacked');
  await g.tarIn(foreignArchive(), '/srv/unpacked', { xattrs: true, acls: true });
  await g.mv('/srv/a/b', '/srv/moved');
  await g.write('/srv/moved/later', 'through a folder that moved\n');
  await g.rm('/home/user/empty');
  await g.rmRf('/bin');
  const refused = [
    await outcome(g.mkdir('/srv')),
    await outcome(g.rmdir('/srv')),
    await outcome(g.ln('/srv', '/again')),
    await outcome(g.write('/srv', 'x')),
    await outcome(g.rename('/srv', '/srv/a/inside')),
  ];
  const names = await g.find('/srv');
  const stats = await Promise.all(
    names.map(async (name) => {
      const { st_mode, st_uid, st_gid, st_size, st_nlink, st_rdev } = await g.lstatns(`/srv/${name}`);
      return {
        name,
        st_mode,
        st_uid,
        st_gid,
        st_size: (st_mode & 0o170000) === 0o040000 ? 0 : st_size,
        st_nlink,
        st_rdev,
      };
    }),
  );
  const { st_mtime_sec, st_mtime_nsec } = await g.lstatns('/srv/moved/data');
  return {
    refused,
    names,
    stats,
    time: [st_mtime_sec, st_mtime_nsec],
    sum: await g.checksum('sha256', '/srv/moved/data'),
    hostname: await g.cat('/etc/hostname'),
    xattrs: (await g.getxattrs('/srv/moved/data')).map(({ attrname, attrval }) => [attrname, sha(attrval)]).sort(),
    acl: await g.aclGetFile('/srv/moved/data', 'access'),
    unpacked: [
      await g.find('/srv/unpacked'),
      await g.checksum('sha256', '/srv/unpacked/d/hole'),
      (await g.getxattrs('/srv/unpacked/d/one')).map(({ attrname, attrval }) => [attrname, sha(attrval)]).sort(),
      (({ st_mtime_sec, st_mtime_nsec }) => [st_mtime_sec, st_mtime_nsec])(await g.lstatns('/srv/unpacked/d/one')),
    ],
    link: await g.readlink('/srv/a/link'),
    top: await g.ls('/'),
  };
}

describe('one scenario on every backend', () => {
  let disk: ReturnType<typeof makeGuestDisk>;
  const expected: { reading?: unknown; writing?: unknown } = {};
  beforeAll(() => {
    disk = makeGuestDisk();
  });
  afterAll(() => disk.dispose());

  for (const { name, options, runs } of BACKENDS) {
    it.runIf(runs)(
      `${name}: reads and writes the same`,
      async () => {
        const path = disk.copy(`${name}.raw`);
        const results = await GuestFS.with(
          path,
          async (g) => {
            await g.mount('/dev/sda1', '/');
            const found = { reading: await reading(g), writing: await writing(g) };
            const chosen = g.getPerformanceMetrics().providers.filter(({ kind }) => kind === 'filesystem');
            expect(new Set(chosen.map(({ provider }) => provider))).toEqual(
              new Set([name === 'native' ? 'fs-ext' : name]),
            );
            return found;
          },
          { format: 'raw', ...options },
        );
        expected.reading ??= results.reading;
        expected.writing ??= results.writing;
        expect(results.reading).toEqual(expected.reading);
        expect(results.writing).toEqual(expected.writing);
        const after = await GuestFS.open(path, { readonly: true });
        await after.mount('/dev/sda1', '/');
        expect(await after.checksum('sha256', '/srv/moved/data')).toBe((results.writing as { sum: string }).sum);
        await after.close();
      },
      APPLIANCE_TIME,
    );
  }
});
