import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { LOOK_ALIKE_NEEDS, lookAlike } from './look-alike/build.js';
import { systemRoot } from './look-alike/file-list.js';
import { RELEASES } from './look-alike/releases.js';

const hivexget = (hive: string, ...words: string[]): string =>
  execFileSync('hivexget', [hive, ...words], { encoding: 'utf8' }).trim();

describe.runIf(requireTools(...LOOK_ALIKE_NEEDS, 'hivexget', 'reglookup', 'blkid'))('look-alikes', () => {
  it.each(RELEASES)('$id has hives that hivex and reglookup read', { timeout: 120_000 }, async (r) => {
    const built = await lookAlike(r.id);
    const config = join(built.tree, systemRoot(r), 'System32/config');
    const software = join(config, 'SOFTWARE');
    expect(hivexget(software, '\\Microsoft\\Windows NT\\CurrentVersion', 'ProductName')).toBe(r.productName);
    expect(hivexget(join(config, 'SYSTEM'), '\\Select', 'Current')).toBe(String(r.controlSet));
    const listing = execFileSync('reglookup', ['-p', '/SAM/Domains/Account/Users/Names', join(config, 'SAM')], {
      encoding: 'utf8',
    });
    expect(listing).toContain('/Alice,KEY');
    const windows = built.layout.partitions.find((p) => p.role === 'windows')!;
    const probe = execFileSync('blkid', ['-p', '-O', String(windows.offset), '-o', 'value', '-s', 'TYPE', built.disk], {
      encoding: 'utf8',
    });
    expect(probe.trim()).toBe('ntfs');
  });
});
