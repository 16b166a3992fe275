import type { HostFile } from '@vmcraft/core';
import { Qcow2Header, Qcow2HeaderV3, V3_OFFSET } from './layout.js';

/** Change where the refcount table is: offset and length lie side by side, so one write switches. */
export async function writeRefcountTablePlace(file: HostFile, offset: number, clusters: number): Promise<void> {
  const at = Qcow2Header.offsetOf('refcountTableOffset');
  const whole = Qcow2Header.encode({ refcountTableOffset: BigInt(offset), refcountTableClusters: clusters });
  await file.write(at, whole.subarray(at, Qcow2Header.offsetOf('nbSnapshots')));
}

/** Change size and place of the active L1 table, and the virtual size. */
export async function writeDiskGeometry(
  file: HostFile,
  size: number,
  l1: { offset: number; entries: number },
): Promise<void> {
  const at = Qcow2Header.offsetOf('size');
  const end = Qcow2Header.offsetOf('refcountTableOffset');
  const whole = Qcow2Header.encode({ size: BigInt(size), l1Size: l1.entries, l1TableOffset: BigInt(l1.offset) });
  await file.write(at, whole.subarray(at, end));
}

/** Change the feature bits of a version 3 header. */
export async function writeFeatures(file: HostFile, incompatible: bigint, autoclear: bigint): Promise<void> {
  const whole = Qcow2HeaderV3.encode({ incompatibleFeatures: incompatible, autoclearFeatures: autoclear });
  await file.write(V3_OFFSET + Qcow2HeaderV3.offsetOf('incompatibleFeatures'), whole.subarray(0, 8));
  const at = Qcow2HeaderV3.offsetOf('autoclearFeatures');
  await file.write(V3_OFFSET + at, whole.subarray(at, at + 8));
}
