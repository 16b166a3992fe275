import { afterAll, describe, expect, it } from 'vitest';
import { requireTools } from '../../../testkit/src/tools.js';
import { formatPartitionTable, GUID_TYPE, initPartitionTable, readPartitionTable } from '../../src/partition/index.js';
import { run, Scratch } from './disk-file.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const MIB = 2 ** 20;

/** Rows of words: column widths are a matter of taste. */
const words = (text: string): string[][] =>
  text.split('\n').flatMap((l) => (l.trim() === '' ? [] : [l.trim().split(/\s+/)]));

describe.runIf(requireTools('sfdisk'))('a listing is what sfdisk -l prints', () => {
  it.each(['mbr', 'gpt'])('%s', async (type) => {
    const disk = scratch.disk(300 * MIB);
    const editor = await initPartitionTable(disk, type);
    editor.add({ start: 2048, end: 4095, ...(type === 'gpt' ? { typeGuid: GUID_TYPE.biosBoot } : { mbrId: 0x0c }) });
    editor.add({ start: 4096, end: 204800, ...(type === 'gpt' ? {} : { kind: 'extended' }) });
    if (type === 'mbr') editor.add({ start: 6144, end: 9999, kind: 'logical' });
    editor.add({
      start: 204801,
      end: 500000,
      ...(type === 'gpt' ? { typeGuid: GUID_TYPE.linuxSwap } : { mbrId: 0x8e }),
    });
    editor.setBootable(1, type === 'mbr');
    await editor.write();
    const table = await readPartitionTable(disk);
    const ours = formatPartitionTable(disk.path, disk, table, (n) => `${disk.path}${n}`);
    const theirs = run('sfdisk', ['-l', disk.path]);
    expect(words(ours)).toEqual(words(theirs).filter((w) => w[0] !== 'Partition'));
  });

  it('no table', async () => {
    const disk = scratch.disk(MIB);
    expect(formatPartitionTable(disk.path, disk, undefined, String)).toBe(run('sfdisk', ['-l', disk.path]));
  });
});
