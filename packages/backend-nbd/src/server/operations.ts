import type { BlockExtent } from '@vmcraft/core';
import { hasSparseMap, isDiscardable, isVmcraftError } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import { AllocationFlag, Command, CommandFlag, ERROR_NAMES } from '../layout.js';
import { MAX_PAYLOAD, type ServedExport } from './export.js';
import { ALLOCATION_ID } from './negotiation.js';

/** A request that was read, with its payload. */
export interface ServerRequest {
  readonly flags: number;
  readonly type: number;
  readonly cookie: bigint;
  /** Bytes, as any client may send it. */
  readonly offset: bigint;
  readonly length: number;
  readonly payload: Uint8Array;
}

/** What a request came to: an error number of the protocol, or bytes to send. */
export type Outcome = { readonly error: number } | { readonly data?: Uint8Array; readonly status?: Uint8Array };

const EPERM = 1;
const EINVAL = 22;
const EIO = 5;
const ENOSPC = 28;
const EOVERFLOW = 75;
const ENOTSUP = 95;
/** Zeros written at once. */
const ZERO_RUN = 1 << 20;
/** Runs described by one answer. */
const MAX_RUNS = 2048;

/** Do what a request asks. Never throws: whatever happens has a number of the protocol. */
export async function perform(served: ServedExport, request: ServerRequest, allocation: boolean): Promise<Outcome> {
  const wrong = refuse(served, request, allocation);
  if (wrong !== undefined) return { error: wrong };
  const offset = Number(request.offset);
  try {
    switch (request.type) {
      case Command.read:
        return { data: await served.lock.read(() => served.device.read(offset, request.length)) };
      case Command.blockStatus:
        return { status: await served.lock.read(() => blockStatus(served, offset, request)) };
      default:
        await served.lock.write(() => change(served, offset, request));
        return {};
    }
  } catch (error) {
    return { error: numberOf(error) };
  }
}

function refuse(served: ServedExport, { type, flags, offset, length }: ServerRequest, allocation: boolean) {
  const isKnown = KNOWN_FLAGS[type];
  if (isKnown === undefined) return EINVAL;
  if ((flags & ~isKnown) !== 0) return EINVAL;
  if (type === Command.blockStatus && !allocation) return EINVAL;
  const changes = type === Command.write || type === Command.trim || type === Command.writeZeroes;
  if (changes && served.readonly) return EPERM;
  if (type === Command.flush) return undefined;
  if (offset + BigInt(length) > BigInt(served.device.size)) return changes ? ENOSPC : EINVAL;
  if (type === Command.read && length > MAX_PAYLOAD) return EOVERFLOW;
  return length === 0 ? EINVAL : undefined;
}

/** Commands that we know, and the flags that each may have. */
const KNOWN_FLAGS: Readonly<Record<number, number>> = {
  [Command.read]: CommandFlag.df | CommandFlag.fua,
  [Command.write]: CommandFlag.fua,
  [Command.flush]: CommandFlag.fua,
  [Command.trim]: CommandFlag.fua,
  [Command.writeZeroes]: CommandFlag.fua | CommandFlag.noHole,
  [Command.blockStatus]: CommandFlag.reqOne | CommandFlag.fua,
};

async function change(served: ServedExport, offset: number, request: ServerRequest): Promise<void> {
  const { device } = served;
  const { type, length, flags } = request;
  if (type === Command.write) await device.write(offset, request.payload);
  if (type === Command.trim && isDiscardable(device)) await device.discard(offset, length);
  if (type === Command.writeZeroes) {
    if (isDiscardable(device) && (flags & CommandFlag.noHole) === 0) await device.discard(offset, length);
    else await writeZeros(served, offset, length);
  }
  if (device.writable && (type === Command.flush || (flags & CommandFlag.fua) !== 0)) await device.flush();
}

async function writeZeros(served: ServedExport, offset: number, length: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(ZERO_RUN, length));
  for (let done = 0; done < length; done += zeros.length) {
    await served.device.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

/** Context id, then length and state of each run. Neighbours of one state are one run. */
async function blockStatus(served: ServedExport, offset: number, request: ServerRequest): Promise<Uint8Array> {
  const runs: { length: number; state: number }[] = [];
  const most = (request.flags & CommandFlag.reqOne) === 0 ? MAX_RUNS : 1;
  for await (const extent of extentsOf(served, offset, request.length)) {
    const state = STATE[extent.kind];
    const last = runs.at(-1);
    if (last?.state === state) last.length += extent.length;
    else if (runs.length === most) break;
    else runs.push({ length: extent.length, state });
  }
  const out = new Uint8Array(4 + 8 * runs.length);
  const view = viewOf(out);
  view.setUint32(0, ALLOCATION_ID);
  for (const [i, run] of runs.entries()) {
    view.setUint32(4 + 8 * i, run.length);
    view.setUint32(8 + 8 * i, run.state);
  }
  return out;
}

const STATE: Readonly<Record<BlockExtent['kind'], number>> = {
  data: 0,
  zero: AllocationFlag.zero,
  hole: AllocationFlag.hole | AllocationFlag.zero,
};

async function* extentsOf({ device }: ServedExport, offset: number, length: number): AsyncGenerator<BlockExtent> {
  if (hasSparseMap(device)) yield* device.extents(offset, length);
  else yield { offset, length, kind: 'data' };
}

function numberOf(error: unknown): number {
  if (!isVmcraftError(error)) return EIO;
  if (error.code === 'VMC_READ_ONLY') return EPERM;
  if (error.code === 'VMC_UNSUPPORTED') return ENOTSUP;
  const errno = (error.data as { readonly errno?: unknown }).errno;
  const known = Object.entries(ERROR_NAMES).find(([, name]) => name === errno);
  return known === undefined ? EIO : Number(known[0]);
}
