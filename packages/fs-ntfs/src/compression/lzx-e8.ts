import { viewOf } from '@vmcraft/core/binary';

/** x86 near call. */
const CALL = 0xe8;
/** File size that the translation pretends. WIM format, "LZX". */
const FILE_SIZE = 12_000_000;
/** The last bytes of a chunk stay as they are. */
const TAIL_BYTES = 10;

/** Turn absolute targets of x86 calls back into relative ones, in place. [MS-PATCH] §2.8, with the fixed size of WIM. */
export function undoCallTranslation(data: Uint8Array): void {
  const end = data.length - TAIL_BYTES;
  const view = viewOf(data);
  for (let at = data.indexOf(CALL); at >= 0 && at < end; at = data.indexOf(CALL, at + 5)) {
    const absolute = view.getInt32(at + 1, true);
    if (absolute < -at || absolute >= FILE_SIZE) continue;
    view.setInt32(at + 1, absolute >= 0 ? absolute - at : absolute + FILE_SIZE, true);
  }
}
