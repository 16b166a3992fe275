import { readFile } from 'node:fs/promises';

/** Linux's encoding of a device number in st_rdev (glibc `gnu_dev_major`, `gnu_dev_minor`). */
function deviceNumbers(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** Sectors in sysfs are of 512 bytes, whatever the device's own. */
const SYSFS_SECTOR = 512;

/**
 * Capacity of a block device in bytes. Node has no ioctl(2): sysfs tells on Linux, elsewhere the end is searched for.
 * @param readable whether a byte can be read at an offset
 */
export async function blockDeviceSize(rdev: bigint, readable: (offset: number) => Promise<boolean>): Promise<number> {
  try {
    const sectors = Number(await readFile(`/sys/dev/block/${deviceNumbers(rdev)}/size`, 'latin1'));
    if (Number.isSafeInteger(sectors) && sectors >= 0) return sectors * SYSFS_SECTOR;
  } catch {
    // no sysfs here
  }
  if (!(await readable(0))) return 0;
  let low = 0;
  let high = 4096;
  while (high < Number.MAX_SAFE_INTEGER / 2 && (await readable(high))) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await readable(middle)) low = middle;
    else high = middle;
  }
  return high;
}
