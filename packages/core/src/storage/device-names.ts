/** Buses whose disk names mean the same disk as `/dev/sdX`: fstab files and boot loaders of guests use all of them. */
const LETTER_BUSES = /^\/dev\/(?:sd|hd|vd|xvd|ubd)([a-z]{1,3})(\d+)?$/;
/** Disks named by number, with `p` before a partition number. */
const NUMBER_BUSES = /^\/dev\/(?:nvme(\d+)n1|mmcblk(\d+))(?:p(\d+))?$/;

/** A disk counted from 0, and a partition number when the name has one. */
export interface DiskReference {
  readonly disk: number;
  readonly partition?: number;
}

/** Letters of the disk counted from 0: `a` … `z`, `aa` …, as Linux and libguestfs name them. */
export function driveLetters(index: number): string {
  const rest = Math.floor(index / 26);
  const letter = String.fromCharCode(97 + (index % 26));
  return rest === 0 ? letter : driveLetters(rest - 1) + letter;
}

/** The disk that letters stand for, counted from 0; the inverse of {@link driveLetters}. */
export function driveIndex(letters: string): number {
  let index = 0;
  for (const letter of letters) index = index * 26 + (letter.charCodeAt(0) - 96);
  return index - 1;
}

/** `/dev/sda` for 0. */
export function diskName(index: number): string {
  return `/dev/sd${driveLetters(index)}`;
}

/**
 * The partition of a disk; a `p` stands between when the name ends in a digit (`/dev/md0p1`).
 * @param volume always put the `p`, as names of volumes are free text
 */
export function partitionName(disk: string, number: number, volume = false): string {
  return volume || /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

/** What a kernel name of any bus refers to; undefined for names of other forms. */
export function parseDiskName(name: string): DiskReference | undefined {
  const byLetter = LETTER_BUSES.exec(name);
  if (byLetter !== null) return reference(driveIndex(byLetter[1]!), byLetter[2]);
  const byNumber = NUMBER_BUSES.exec(name);
  if (byNumber === null) return undefined;
  return reference(Number(byNumber[1] ?? byNumber[2]), byNumber[3]);
}

function reference(disk: number, partition: string | undefined): DiskReference {
  return partition === undefined ? { disk } : { disk, partition: Number(partition) };
}
