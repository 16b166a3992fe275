import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { supports } from '@vmcraft/core/contracts';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { compressByWimlib } from '../../packages/fs-ntfs/test/compression/wim.js';
import { NtfsMount } from './ntfs-mount.js';
import { complaints, findingsIn, NtfsWorkspace, openNtfs } from './workspace.js';

const MIB = 1024 * 1024;
/** Number of the compression in the reparse point, and the chunks of a WIM that are the same. */
const ALGORITHMS = [
  [0, 'XPRESS', 4096],
  [1, 'LZX', 32768],
  [2, 'XPRESS', 8192],
  [3, 'XPRESS', 16384],
] as const;

describe.runIf(requireTools('root', 'python3', 'mkntfs', 'ntfs-3g', 'wimlib-imagex'))('CompactOS files', () => {
  const space = new NtfsWorkspace();
  afterAll(() => space.remove());

  it('are read as what they were compressed from, and plain once written to', async () => {
    const code = readFileSync(process.execPath).subarray(4 * MIB, 5 * MIB + 4321);
    const text = Buffer.from(Array.from({ length: 9000 }, (_, i) => `entry ${i * i} of many\n`).join(''));
    const plain = new Map<string, Buffer>([
      ['code', code],
      ['text', text],
    ]);
    mkdirSync(space.path('plain'));
    for (const [name, data] of plain) writeFileSync(space.path(`plain/${name}`), data);
    const image = space.mkntfs('image', { size: 64 * MIB, cluster: 4096 });
    await NtfsMount.with(image, ['streams_interface=windows'], (mount) => {
      for (const [algorithm, type, chunk] of ALGORITHMS) {
        const resources = compressByWimlib(space.path('plain'), space.folder, type, chunk);
        for (const [name, data] of plain) {
          const resource = resources.get(createHash('sha1').update(data).digest('hex'));
          expect(resource?.isCompressed).toBe(true);
          writeFileSync(space.path('stored'), resource?.stored ?? '');
          mount.run('wof', `${name}${algorithm}`, `${algorithm}`, `${data.length}`, space.path('stored'));
        }
      }
    });
    const { fs, close } = await openNtfs(image, { readonly: false });
    for (const [algorithm] of ALGORITHMS) {
      for (const [name, data] of plain) {
        const node = (await fs.lookup(fs.root, `${name}${algorithm}`)) ?? fs.root;
        expect(Buffer.compare(await fs.read(node, 0, data.length + 10), data), `${name}${algorithm}`).toBe(0);
        const part = await fs.read(node, 33_333, 40_000);
        expect(Buffer.compare(part, data.subarray(33_333, 73_333)), `${name}${algorithm}`).toBe(0);
        if (name === 'text' && supports(fs, 'write')) await fs.write(node, 5, Buffer.from('changed'));
      }
    }
    await close();
    const changed = Buffer.from(text);
    changed.write('changed', 5);
    await NtfsMount.with(image, ['ro'], (mount) => {
      for (const [algorithm] of ALGORITHMS) {
        const found = readFileSync(`${mount.folder}/text${algorithm}`);
        expect(Buffer.compare(found, changed), `text${algorithm}`).toBe(0);
      }
    });
    expect(complaints(image)).toEqual([]);
    expect(await findingsIn(image)).toEqual([]);
  }, 120_000);
});
