/** Geometry that BIOSes assume for large disks ("LBA assist"). */
const GEOMETRY = { heads: 255, sectors: 63, maxCylinder: 1023 } as const;

/** The three bytes of a cylinder-head-sector address; 1023/254/63 when it is beyond what they can say. */
export function chsBytes(lba: number): Uint8Array {
  const cylinder = Math.floor(lba / (GEOMETRY.heads * GEOMETRY.sectors));
  if (cylinder > GEOMETRY.maxCylinder) return Uint8Array.of(GEOMETRY.heads - 1, 0xff, 0xff);
  const head = Math.floor(lba / GEOMETRY.sectors) % GEOMETRY.heads;
  const sector = (lba % GEOMETRY.sectors) + 1;
  return Uint8Array.of(head, sector | ((cylinder >> 2) & 0xc0), cylinder & 0xff);
}
