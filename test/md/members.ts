import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { GuestFS, type OpenOptions } from 'vmcraft';

const FIXTURES = join(import.meta.dirname, '../../packages/storage-mdraid/test/fixtures');

/** Disks below a folder that goes away. */
export class Disks {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-md-'));

  /** An empty raw disk. */
  empty(name: string, size: number): string {
    const path = join(this.folder, name);
    writeFileSync(path, '');
    truncateSync(path, size);
    return path;
  }

  /** The members of a fixture as raw disks. */
  fixture(name: string, copy = name): string[] {
    const files = readdirSync(FIXTURES).filter((file) => /^(.+)-\d+\.img\.gz$/.exec(file)?.[1] === name);
    return files.sort().map((file, i) => {
      const path = join(this.folder, `${copy}-${i + 1}.img`);
      writeFileSync(path, gunzipSync(readFileSync(join(FIXTURES, file))));
      return path;
    });
  }

  /** Open disks, do something, commit. */
  async with<T>(disks: readonly string[], work: (g: GuestFS) => Promise<T>, options: OpenOptions = {}): Promise<T> {
    const g = await GuestFS.open(
      disks.map((path) => ({ path, format: 'raw' })),
      options,
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

/** What md read of an array when the fixture was made. */
export function expectedHash(name: string): string {
  const line = readFileSync(join(FIXTURES, 'arrays.tsv'), 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`${name}\t`));
  return line!.split('\t')[1]!;
}
