import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GuestFS, type OpenOptions } from 'vmcraft';

const FIXTURES = join(import.meta.dirname, 'fixtures');

/** Passphrases of the two containers, outer one first. */
export const KEYS = ['outer', 'inner'];

/** Path and SHA-256 of each file of the fixture, as the kernel that made it read them. */
export const files: readonly (readonly [path: string, sha256: string])[] = readFileSync(
  join(FIXTURES, 'files.tsv'),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => line.split('\t') as [string, string]);

/** The disks of the fixture, in a folder of their own that goes away. */
export class Stack {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-stack-'));
  /** Host paths, in the order in which they were partitioned. */
  readonly disks: readonly string[];

  /** @param format `qcow2` makes images of three cluster sizes */
  constructor(readonly format: 'raw' | 'qcow2') {
    this.disks = [1, 2, 3].map((n) => {
      const raw = join(this.folder, `${n}.raw`);
      writeFileSync(raw, gunzipSync(readFileSync(join(FIXTURES, `stack-${n}.img.gz`))));
      if (format === 'raw') return raw;
      const image = join(this.folder, `${n}.qcow2`);
      const cluster = `cluster_size=${4096 << (2 * n)}`;
      execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-o', cluster, raw, image]);
      rmSync(raw);
      return image;
    });
  }

  /** Open some of the disks, do something, commit; an error rolls back. */
  async with<T>(disks: readonly string[], work: (g: GuestFS) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    const g = await GuestFS.open(
      disks.map((path) => ({ path, format: this.format })),
      { keys: KEYS, ...options },
    );
    try {
      const result = await work(g);
      await g.close();
      return result;
    } catch (error) {
      await g.session.rollback();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
