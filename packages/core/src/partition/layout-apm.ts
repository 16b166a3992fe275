import { latin1, struct, u16be, u32be } from '../binary/index.js';

/** `sbSIGWord`: "ER" (Inside Macintosh: Devices, Driver Descriptor Record). */
export const APM_DRIVER_SIGNATURE = 0x4552;
/** `pmSigPas`: "PM" (Inside Macintosh: Devices, Partition Map Entry). */
export const APM_ENTRY_SIGNATURE = 0x504d;

/** Inside Macintosh: Devices, page 3-22, the start of the driver descriptor record in block 0. */
export const ApmDriverDescriptor = struct('apm.Block0', 8, {
  sbSig: [0, u16be],
  sbBlkSize: [2, u16be],
  sbBlkCount: [4, u32be],
});

/** Inside Macintosh: Devices, page 3-25, a partition map entry. */
export const ApmPartitionEntry = struct('apm.Partition', 136, {
  pmSig: [0, u16be],
  pmMapBlkCnt: [4, u32be],
  pmPyPartStart: [8, u32be],
  pmPartBlkCnt: [12, u32be],
  pmPartName: [16, latin1(32)],
  pmParType: [48, latin1(32)],
});
