import { details, label, uuidAt } from './fields.js';
import { type SignatureSpec, text } from './signature.js';

/** Page sizes of the machines Linux runs on: the magic ends the first page. */
const PAGE_SIZES = [4096, 8192, 16384, 32768, 65536] as const;
/** Bytes of a magic. */
const MAGIC_LENGTH = 10;
/** Where `union swap_header`'s facts begin, whatever the page size (kernel include/linux/swap.h). */
const INFO_AT = 1024;

/** A page that was the swap area's first when the machine was suspended. */
const SUSPENDED = ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'] as const;

const SWAP: SignatureSpec = {
  type: 'swap',
  usage: 'other',
  magics: PAGE_SIZES.flatMap((page) => [
    text(page - MAGIC_LENGTH, 'SWAPSPACE2', MAGIC_LENGTH - page),
    text(page - MAGIC_LENGTH, 'SWAP-SPACE', MAGIC_LENGTH - page),
  ]),
  read: async (w, { base, index }) => {
    if (index % 2 === 1) return { version: '0' };
    const view = await w.view(base + INFO_AT, 44);
    if (view === undefined) return undefined;
    const littleEndian = view.getUint32(0, true) === 1;
    if (view.getUint32(0, littleEndian) !== 1 || view.getUint32(4, littleEndian) === 0) return undefined;
    return details({ label: label(view, 28, 16), uuid: uuidAt(view, 12), version: '1' });
  },
};

const SWSUSPEND: SignatureSpec = {
  type: 'swsuspend',
  usage: 'other',
  magics: PAGE_SIZES.flatMap((page) => SUSPENDED.map((m) => text(page - MAGIC_LENGTH, m, MAGIC_LENGTH - page))),
  read: async (w, { base }) => {
    const view = await w.view(base + INFO_AT, 44);
    return view && details({ label: label(view, 28, 16), uuid: uuidAt(view, 12) });
  },
};

/** Swap areas, in use and hibernated. */
export const SWAPS: readonly SignatureSpec[] = [SWSUSPEND, SWAP];
