import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Application } from '@vmcraft/core';
import { isVmcraftError } from '@vmcraft/core';
import { MemoryView, requireTools, seededRandom } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRpm } from '../src/packages-rpm.js';
import {
  NDB_BLOB_MAGIC,
  NDB_BLOCK,
  NDB_MAGIC,
  NDB_SLOT_MAGIC,
  NDB_SLOT_PAGE,
  NdbBlob,
  NdbHeader,
  NdbSlot,
} from '../src/rpm/layout.js';
import { sqliteHeaders } from '../src/rpm/sqlite.js';

const row = (a: Application): string => [a.name, a.epoch ?? '(none)', a.version, a.release, a.arch].join(' ');

async function list(files: Record<string, Uint8Array>): Promise<readonly Application[]> {
  return readRpm(await new MemoryView({ '/dev/sda1': files }).tree('/dev/sda1'));
}

/** A database of rpm itself, with packages of its own making. */
describe.runIf(requireTools('rpm', 'rpmbuild', 'python3'))('a database of rpm', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const rpm = (database: string, ...args: string[]): string =>
    execFileSync('rpm', ['--dbpath', at(database), ...args], { encoding: 'utf8' });
  const listed = (database = 'db'): string[] =>
    rpm(database, '-qa', '--qf', '%{NAME} %{EPOCH} %{VERSION} %{RELEASE} %{ARCH}\\n').trim().split('\n').sort();

  /** Packages without files; the description of every tenth fills many pages. */
  function build(names: readonly string[]): string[] {
    for (const [i, name] of names.entries()) {
      const text = i % 10 === 0 ? `${'long description, '.repeat(20_000)}` : 'short';
      const epoch = i % 3 === 0 ? `Epoch: ${i + 1}\n` : '';
      writeFileSync(
        at(`${name}.spec`),
        `Name: ${name}\n${epoch}Version: 1.${i}\nRelease: ${i}.el9\nSummary: Package ${name}\nLicense: MIT\nBuildArch: noarch\nURL: https://example.com/${name}\n%description\n${text}\n%files\n`,
      );
      execFileSync('rpmbuild', ['-bb', '--quiet', '--define', `_topdir ${at('build')}`, at(`${name}.spec`)], {
        stdio: 'ignore',
      });
    }
    return names.map((name, i) => at(`build/RPMS/noarch/${name}-1.${i}-${i}.el9.noarch.rpm`));
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-rpm-'));
    execFileSync('mkdir', ['-p', at('db')]);
    rpm('db', '--initdb');
    rpm(
      'db',
      '-i',
      '--justdb',
      '--nodeps',
      '--noscripts',
      ...build(Array.from({ length: 21 }, (_, i) => `package-${i}`)),
    );
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const database = (): Uint8Array => new Uint8Array(readFileSync(at('db/rpmdb.sqlite')));

  it('is listed as rpm lists it', async () => {
    const found = await list({ '/usr/lib/sysimage/rpm/rpmdb.sqlite': database() });
    expect(listed()).toHaveLength(21);
    expect(found.map(row).sort()).toEqual(listed());
    expect(found[0]).toMatchObject({ summary: 'Package package-0', url: 'https://example.com/package-0' });
    expect(found[0]?.sourcePackage).toBe('package-0');
    expect(found[0]?.description?.length).toBeGreaterThan(300_000);
  });

  it('is listed with what its log has committed, and without what it has not', async () => {
    // A connection that stays open keeps the log, as a crash would.
    const script = `import sqlite3, shutil, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode=WAL'); db.execute('PRAGMA wal_autocheckpoint=0'); db.execute('PRAGMA cache_size=2')
db.execute("DELETE FROM Packages WHERE hnum IN (SELECT hnum FROM Packages ORDER BY hnum LIMIT 5)")
db.execute('VACUUM INTO ?', (sys.argv[3],))
db.execute('BEGIN'); db.execute('UPDATE Packages SET blob = zeroblob(300000)')
shutil.copy(sys.argv[1], sys.argv[2]); shutil.copy(sys.argv[1] + '-wal', sys.argv[2] + '-wal')`;
    writeFileSync(at('copy.sqlite'), database());
    execFileSync('mkdir', [at('committed')]);
    execFileSync('python3', ['-c', script, at('copy.sqlite'), at('crashed'), at('committed/rpmdb.sqlite')]);
    const files = {
      '/var/lib/rpm/rpmdb.sqlite': new Uint8Array(readFileSync(at('crashed'))),
      '/var/lib/rpm/rpmdb.sqlite-wal': new Uint8Array(readFileSync(at('crashed-wal'))),
    };
    expect(files['/var/lib/rpm/rpmdb.sqlite-wal'].length).toBeGreaterThan(300_000);
    const left = listed('committed');
    expect(left).toHaveLength(16);
    expect((await list(files)).map(row).sort()).toEqual(left);
  });

  it("in RPM's own format holds the same headers", async () => {
    const blobs: Uint8Array[] = [];
    const bytes = database();
    const file = { size: bytes.length, read: async (o: number, n: number) => bytes.subarray(o, o + n) };
    for await (const header of sqliteHeaders(file, undefined)) blobs.push(header);
    expect((await list({ '/var/lib/rpm/Packages.db': ndb(blobs) })).map(row).sort()).toEqual(listed());
  });

  it('that is damaged is an error or a list, and ends', async () => {
    const whole = database();
    const random = seededRandom(7);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const damaged = whole.slice(0, i % 3 === 0 ? Math.floor(random() * whole.length) : whole.length);
      // The first pages have the tables' roots and inner pages.
      for (let k = 0; k < 20; k++)
        damaged[Math.floor(random() * Math.min(damaged.length, k < 15 ? 8192 : whole.length))] = random() * 256;
      try {
        expect((await list({ '/var/lib/rpm/rpmdb.sqlite': damaged })).length).toBeLessThan(1000);
      } catch (error) {
        if (!isVmcraftError(error)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });
});

/** Packages.db as rpmpkg.c describes it; free slots between. */
function ndb(blobs: readonly Uint8Array[]): Uint8Array {
  const blocks = blobs.map((blob) => Math.ceil((NdbBlob.size + blob.length + 12) / NDB_BLOCK));
  const total = blocks.reduce((a, b) => a + b, NDB_SLOT_PAGE / NDB_BLOCK) * NDB_BLOCK;
  const out = new Uint8Array(total);
  NdbHeader.encodeInto({ magic: NDB_MAGIC, version: 0, slotPages: 1 }, out);
  let block = NDB_SLOT_PAGE / NDB_BLOCK;
  for (let at = NdbHeader.size; at < NDB_SLOT_PAGE; at += NdbSlot.size)
    NdbSlot.encodeInto({ magic: NDB_SLOT_MAGIC }, out, at);
  for (const [i, blob] of blobs.entries()) {
    const slot = { magic: NDB_SLOT_MAGIC, packageIndex: i + 1, blockOffset: block, blockCount: blocks[i] as number };
    NdbSlot.encodeInto(slot, out, NdbHeader.size + 2 * i * NdbSlot.size);
    NdbBlob.encodeInto({ magic: NDB_BLOB_MAGIC, packageIndex: i + 1, length: blob.length }, out, block * NDB_BLOCK);
    out.set(blob, block * NDB_BLOCK + NdbBlob.size);
    block += blocks[i] as number;
  }
  return out;
}
