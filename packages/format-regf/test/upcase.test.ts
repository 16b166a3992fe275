import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { compareNames, upcase } from '../src/index.js';

describe.runIf(requireTools('mkntfs', 'ntfscat'))('upper case', () => {
  it('is that of the table in every NTFS volume', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-upcase-'));
    try {
      const image = join(folder, 'ntfs.img');
      writeFileSync(image, '');
      truncateSync(image, 4 << 20);
      execFileSync('mkntfs', ['-F', '-Q', '-q', image], { stdio: 'ignore' });
      const table = execFileSync('ntfscat', [image, '$UpCase'], { maxBuffer: 1 << 20 });
      const wrong: string[] = [];
      for (let unit = 0; unit < 65_536; unit++) {
        const ours = upcase(String.fromCharCode(unit)).charCodeAt(0);
        if (ours !== table.readUInt16LE(unit * 2)) wrong.push(unit.toString(16));
      }
      expect(wrong).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the order of names', () => {
  it('is by upper-cased units, shorter ones first', () => {
    const names = ['b', 'A', 'a_', '_', 'Z', 'aa', 'ß', 'SS', 'ÿ'];
    expect(names.sort(compareNames)).toEqual(['A', 'aa', 'a_', 'b', 'SS', 'Z', '_', 'ß', 'ÿ']);
  });
});
