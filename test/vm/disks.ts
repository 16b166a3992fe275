import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pattern } from '@vmcraft/testkit';
import { GuestFS } from 'vmcraft';

const MIB = 1 << 20;
const FIXTURES = join(import.meta.dirname, '../../packages/storage-lvm/test/fixtures');

/** Paths and SHA-256 of the files of a file system. */
export type Sums = Readonly<Record<string, string>>;

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** SHA-256 of the bytes of a device, as the session reads them. */
export async function deviceSum(g: GuestFS, name: string): Promise<string> {
  return g.checksumDevice('sha256', name);
}

/** Write files that stress a file system a little: empty, small, fragmented, large, deep, many, long and foreign names. */
export async function fill(g: GuestFS, seed: number): Promise<Sums> {
  const sums: Record<string, string> = {};
  const put = async (path: string, data: Uint8Array): Promise<void> => {
    await g.write(path, data);
    sums[path] = sha256(data);
  };
  await g.mkdirP('/folder/in/a/folder');
  await put('/empty', new Uint8Array(0));
  await put('/folder/small.txt', new TextEncoder().encode(`seed ${seed}\n`));
  await put('/folder/in/a/folder/large.bin', pattern(5 * MIB + 17, seed));
  await put('/A name that needs a long entry, or two.text', pattern(70_000, seed + 1));
  await put('/grüße.txt', pattern(3000, seed + 2));
  for (let i = 0; i < 60; i++) await put(`/folder/file-${i}`, pattern(i * 700, seed + i));
  for (let i = 0; i < 60; i += 3) {
    await g.rm(`/folder/file-${i}`);
    delete sums[`/folder/file-${i}`];
  }
  await put('/folder/in the gaps', pattern(200_000, seed + 3));
  return sums;
}

/** For NTFS: a directory whose index takes many blocks, names that are no file's only one, holes. */
async function fillMore(g: GuestFS): Promise<Sums> {
  const sums: Record<string, string> = {};
  await g.mkdir('/many');
  for (let i = 0; i < 1200; i++) {
    const data = new TextEncoder().encode(`number ${i}\n`);
    await g.write(`/many/file-${i}`, data);
    sums[`/many/file-${i}`] = sha256(data);
  }
  await g.ln('/folder/in/a/folder/large.bin', '/hard link');
  await g.lnS('folder/in', '/soft link');
  await g.touch('/sparse');
  await g.truncateSize('/sparse', 3 * MIB);
  await g.pwrite('/sparse', pattern(5000, 7), 2 * MIB);
  for (const path of ['/hard link', '/sparse']) sums[path] = await g.checksum('sha256', path);
  return sums;
}

/** Disks that this project wrote, for a kernel to read. */
export class VmDisks {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-vm-test-'));

  at(name: string): string {
    return join(this.folder, name);
  }

  empty(name: string, bytes: number): string {
    const file = openSync(this.at(name), 'w');
    ftruncateSync(file, bytes);
    closeSync(file);
    return this.at(name);
  }

  /** Partitions with every file system that is written here and that the kernel mounts. */
  async filesystems(name: string): Promise<ReadonlyMap<string, Sums>> {
    const path = this.empty(name, 200 * MIB);
    const sums = new Map<string, Sums>();
    await GuestFS.with(
      path,
      async (g) => {
        await g.partInit('/dev/sda', 'gpt');
        const types = ['vfat', 'exfat', 'ntfs', 'ext4'];
        const sectors = (40 * MIB) / 512;
        for (const [i, type] of types.entries()) {
          await g.partAdd('/dev/sda', 'primary', 2048 + i * sectors, 2048 + (i + 1) * sectors - 1);
          const device = `/dev/sda${i + 1}`;
          await g.mkfs(type, device);
          await g.mount(device, '/');
          sums.set(type, { ...(await fill(g, 100 * i + 1)), ...(type === 'ntfs' ? await fillMore(g) : {}) });
          await g.umountAll();
        }
      },
      { format: 'raw' },
    );
    return sums;
  }

  /** A volume group over two partitions, with a volume that spans both. */
  async lvm(name: string): Promise<{ readonly sum: string; readonly files: Sums }> {
    const path = this.empty(name, 100 * MIB);
    await using g = await GuestFS.open(path, { format: 'raw' });
    await g.partInit('/dev/sda', 'gpt');
    await g.partAdd('/dev/sda', 'primary', 2048, 92_159);
    await g.partAdd('/dev/sda', 'primary', 92_160, -2048);
    for (const device of ['/dev/sda1', '/dev/sda2']) await g.pvcreate(device);
    await g.vgcreate('vmcraft', ['/dev/sda1', '/dev/sda2']);
    await g.lvcreate('spare', 'vmcraft', 8);
    await g.lvcreate('data', 'vmcraft', 64);
    await g.lvremove('/dev/vmcraft/spare');
    await g.mkfs('ext4', '/dev/vmcraft/data');
    await g.mount('/dev/vmcraft/data', '/');
    const files = await fill(g, 1000);
    await g.umountAll();
    return { sum: await deviceSum(g, '/dev/vmcraft/data'), files };
  }

  /** A LUKS2 container with ext4. */
  async luks(name: string): Promise<{ readonly sum: string; readonly files: Sums }> {
    const path = this.empty(name, 80 * MIB);
    await using g = await GuestFS.open(path, { format: 'raw' });
    await g.luksFormat('/dev/sda', 'secret', 0);
    await g.cryptsetupOpen('/dev/sda', 'secret', 'plain');
    await g.mkfs('ext4', '/dev/mapper/plain');
    await g.mount('/dev/mapper/plain', '/');
    const files = await fill(g, 2000);
    await g.umountAll();
    return { sum: await deviceSum(g, '/dev/mapper/plain'), files };
  }

  /** Thin volumes, into which chunks were provisioned and unshared. */
  async thin(names: readonly [string, string]): Promise<ReadonlyMap<string, string>> {
    for (const [i, name] of names.entries()) {
      writeFileSync(this.at(name), gunzipSync(readFileSync(join(FIXTURES, `thin-${i + 1}.img.gz`))));
    }
    await using g = await GuestFS.open(names.map((name) => ({ path: this.at(name), format: 'raw' })));
    const volumes = (await g.lvs()).filter((volume) => /\/(base|snap1|snap2|external|empty|oddthin)$/.test(volume));
    const sums = new Map<string, string>();
    for (const [i, volume] of volumes.entries()) {
      await g.pwriteDevice(volume, pattern(300_000, i), 65_536 * i + 100);
    }
    for (const volume of volumes) sums.set(volume, await deviceSum(g, volume));
    return sums;
  }

  /** Linear, striped, mirrored and RAID volumes of a fixture, each written in several places. @returns what they hold, by name */
  async volumes(fixture: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    for (const [i, name] of names.entries()) {
      writeFileSync(this.at(name), gunzipSync(readFileSync(join(FIXTURES, `${fixture}-${i + 1}.img.gz`))));
    }
    await using g = await GuestFS.open(names.map((name) => ({ path: this.at(name), format: 'raw' })));
    const volumes = await g.lvs();
    const sums = new Map<string, string>();
    for (const [i, volume] of volumes.entries()) {
      const size = await g.blockdevGetsize64(volume);
      await g.pwriteDevice(volume, pattern(700, i), 100);
      await g.pwriteDevice(volume, pattern(150_000, i + 1), 65_536 + 511);
      await g.pwriteDevice(volume, pattern(6000, i + 2), size - 6000);
    }
    for (const volume of volumes) sums.set(volume, await deviceSum(g, volume));
    return sums;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
