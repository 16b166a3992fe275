import { type Blkid, type Entry, entries } from './shared-data.js';

/** Where what VMCraft says differs from the oracle on purpose: by entry, the fields and why. */
export const DIFFERENCES: Readonly<Record<string, { readonly reason: string; readonly blkid: Blkid }>> = {
  'part/dissect-gpt.bin': {
    reason: 'the head of a disk: its GPT is whole although util-linux refuses one that ends behind the file',
    blkid: { PTTYPE: 'gpt', PTUUID: '299dd468-9fa2-4f82-9123-c79621ded58b' },
  },
  'part/dissect-mbr.bin': {
    reason: 'one sector: util-linux refuses a disk without a second, its partition table is there all the same',
    blkid: { PTTYPE: 'dos', PTUUID: 'baff7d5c' },
  },
  'disk/other/grub_mbr.raw': {
    reason: 'one sector: util-linux refuses a disk without a second, its partition table is there all the same',
    blkid: { PTTYPE: 'dos', PTUUID: '0003977d' },
  },
};

/** What blkid should say of the whole disk. */
export function expectedBlkid(entry: Entry): Blkid {
  const different = DIFFERENCES[entry.name]?.blkid;
  if (different !== undefined) return different;
  const leader = entries.find(({ name }) => name === entry.group_leader);
  const oracle = (leader ?? entry).oracle;
  const said = oracle?.content?.blkid ?? oracle?.blkid;
  if (said !== undefined) return Array.isArray(said) ? (said[0] as Blkid) : (said as Blkid);
  if (oracle?.label !== undefined) {
    return { TYPE: 'zfs_member', LABEL: oracle.label.name, UUID: oracle.label.pool_guid };
  }
  return oracle?.devices?.[0] ?? {};
}
