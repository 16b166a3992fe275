import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHive } from '@vmcraft/format-regf';
import { requireTools } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';

const repository = join(import.meta.dirname, '../..');

describe.runIf(requireTools('hivexget'))('examples/registry-edit.ts', () => {
  it('changes a hive as it says', { timeout: 30_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const hive = await createHive();
    const service = await hive.root.createKey('ControlSet001\\Services\\viostor');
    await service.setValue('Start', 'REG_DWORD', 3);
    await service.setValue('DependOnService', 'REG_MULTI_SZ', ['x']);
    await service.createSubkey('StartOverride');
    await hive.commit();
    const path = join(folder, 'SYSTEM');
    writeFileSync(path, await hive.bytes());
    const outfile = join(folder, 'example.mjs');
    await build({
      stdin: {
        contents: readFileSync(join(repository, 'examples/registry-edit.ts'), 'utf8'),
        loader: 'ts',
        resolveDir: join(repository, 'test'),
      },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@vmcraft/source'],
      logLevel: 'error',
    });
    const printed = execFileSync(process.execPath, [outfile, path], { encoding: 'utf8' });
    expect(printed).toContain('"Start"=dword:00000000');
    const theirs = execFileSync('hivexget', [path, 'ControlSet001\\Services\\viostor'], { encoding: 'utf8' });
    expect(theirs.trim().split('\n').sort()).toEqual([
      '"Group"="SCSI miniport"',
      '"ImagePath"=str(2):"System32\\\\drivers\\\\viostor.sys"',
      '"Start"=dword:00000000',
    ]);
    const keys = execFileSync('hivexregedit', ['--export', path, '\\'], { encoding: 'utf8' });
    expect(keys).not.toContain('StartOverride');
  });
});
