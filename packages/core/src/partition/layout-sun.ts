import { array, struct, u16be, u32be } from '../binary/index.js';

/** `DKL_MAGIC` of <sys/dklabel.h>. */
export const SUN_MAGIC = 0xdabe;
/** `VTOC_SANE` of <sys/vtoc.h>. */
export const SUN_VTOC_SANE = 0x600ddeee;
/** Slices of a SPARC label. */
export const SUN_SLICES = 8;
/** Bytes of a label. */
export const SUN_LABEL_SIZE = 512;

const SunSliceTag = struct('sun.dk_map2', 4, { id: [0, u16be], flags: [2, u16be] });
const SunSlice = struct('sun.dk_map32', 8, { startCylinder: [0, u32be], sectors: [4, u32be] });

/** `struct dk_label` of illumos <sys/dklabel.h>, SPARC form (16 slices are the x86 form). */
export const SunDisklabel = struct('sun.dk_label', SUN_LABEL_SIZE, {
  vtocVersion: [128, u32be],
  slices: [140, u16be],
  tags: [142, array(SunSliceTag, SUN_SLICES)],
  vtocSanity: [188, u32be],
  tracksPerCylinder: [436, u16be],
  sectorsPerTrack: [438, u16be],
  map: [444, array(SunSlice, SUN_SLICES)],
  magic: [508, u16be],
  checksum: [510, u16be],
});
