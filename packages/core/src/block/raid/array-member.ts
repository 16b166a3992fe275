import type { BlockDevice } from '../../contracts/index.js';

/** One disk of an array. A missing one is `undefined` in the list of members. */
export interface ArrayMember {
  readonly device: BlockDevice;
  /** Bytes from its start that agree with the array; all unless given. What lies behind is written, never read. */
  readonly inSync?: number;
  /** Ranges, bytes, that hold nothing of the array. They are written, never read. */
  readonly bad?: readonly { readonly offset: number; readonly length: number }[];
}

/** Whether a range of a member can be believed. */
export function isReadable(member: ArrayMember | undefined, offset: number, length: number): member is ArrayMember {
  if (member === undefined || (member.inSync !== undefined && offset + length > member.inSync)) return false;
  return member.bad?.some((span) => offset < span.offset + span.length && span.offset < offset + length) !== true;
}

/** The largest sector of those members that are there. */
export function sectorSizeOf(members: readonly (ArrayMember | undefined)[]): number {
  return members.reduce((size, m) => Math.max(size, m?.device.sectorSize ?? 512), 512);
}

/** Flush every member that is there. */
export async function flushAll(members: readonly (ArrayMember | undefined)[]): Promise<void> {
  for (const device of new Set(members.map((m) => m?.device))) if (device?.writable === true) await device.flush();
}

/** Options of every kind of array. */
export interface ArrayOptions {
  /** What it is, for errors: `/dev/md0`. */
  readonly name?: string;
  /** Never more writable than its members. True unless given. */
  readonly writable?: boolean;
}

/** Whether every member that is there takes writes. */
export function areWritable(members: readonly (ArrayMember | undefined)[], options: ArrayOptions): boolean {
  return options.writable !== false && members.every((m) => m === undefined || m.device.writable);
}
