import { struct, u32le } from '@vmcraft/core/binary';

/** Windows Overlay Filter: files that look plain and are kept compressed ("CompactOS"). */

/** Reparse tag of a file behind the filter. [MS-FSCC] §2.1.2.1 */
export const IO_REPARSE_TAG_WOF = 0x80000017;
/** Stream with the compressed data. */
export const WOF_STREAM = 'WofCompressedData';

/** The data lies in a WIM archive. */
export const WOF_PROVIDER_WIM = 1;
/** The data lies in the stream {@link WOF_STREAM} of the file. */
export const WOF_PROVIDER_FILE = 2;

export const WOF_ALGORITHM_XPRESS4K = 0;
export const WOF_ALGORITHM_LZX = 1;
export const WOF_ALGORITHM_XPRESS8K = 2;
export const WOF_ALGORITHM_XPRESS16K = 3;

/** Windows SDK, wofapi.h / ntifs.h: WOF_EXTERNAL_INFO. */
export const WofExternalInfo = struct('WOF_EXTERNAL_INFO', 8, {
  version: [0, u32le],
  provider: [4, u32le],
});

/** Windows SDK, ntifs.h: FILE_PROVIDER_EXTERNAL_INFO_V0; a later version adds flags behind it. */
export const WofFileProviderInfo = struct('FILE_PROVIDER_EXTERNAL_INFO', 8, {
  version: [0, u32le],
  algorithm: [4, u32le],
});
