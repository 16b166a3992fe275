/** Partition type GUIDs the engine acts on or maps MBR types to. UEFI 2.10 table 5-7, the Discoverable Partitions Specification and the vendors' documents. */
export const GUID_TYPE = {
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linuxData: '0fc63daf-8483-4772-8e79-3d69d8477de4',
  linuxSwap: '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f',
  linuxLvm: 'e6d6d379-f507-44c2-a23c-238f2a3df928',
  linuxRaid: 'a19d880f-05fc-4d3b-a006-743f0f84911e',
  microsoftBasicData: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
  microsoftReserved: 'e3c9e316-0b5c-4db8-817d-f92df00215ae',
  windowsRecovery: 'de94bba4-06d1-4d40-a16a-bfd50179d6ac',
  windowsLdmData: 'af9b60a0-1431-4f62-bc68-3311714a69ad',
  windowsLdmMetadata: '5808c8aa-7e8f-42e0-85d2-e1e90434cfb3',
  biosBoot: '21686148-6449-6e6f-744e-656564454649',
  extendedBoot: 'bc13c2ff-59e6-4262-a352-b275fd6f7172',
  powerPcPrep: '9e1a2d38-c612-4316-aa26-8b49521e5a8b',
  freebsdLabel: '516e7cb4-6ecf-11d6-8ff8-00022d09712b',
  openbsdData: '824cc7a0-36a8-11e3-890a-952519ad3f61',
  appleHfs: '48465300-0000-11aa-aa11-00306543ecac',
  appleUfs: '55465300-0000-11aa-aa11-00306543ecac',
  appleBoot: '426f6f74-0000-11aa-aa11-00306543ecac',
  appleApfs: '7c3457ef-0000-11aa-aa11-00306543ecac',
  solarisBoot: '6a82cb45-1dd2-11b2-99a6-080020736631',
  solarisRoot: '6a85cf4d-1dd2-11b2-99a6-080020736631',
  vmwareVmfs: 'aa31e02a-400f-11db-9590-000c2911d1b8',
  vmwareDiagnostic: '9d275380-40ad-11db-bf97-000c2911d1b8',
  haikuBfs: '42465331-3ba3-10f1-802a-4861696b7521',
  linuxRootX86: '44479540-f297-41b2-9af7-d131d5f0458a',
  linuxRootX64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
  linuxRootArm64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
  linuxHome: '933ac7e1-2eb4-4f13-b844-0e14e2aef915',
  linuxServerData: '3b8f8425-20e0-4f3b-907f-1a25a76f98e8',
} as const;

const T = GUID_TYPE;

/** MBR types and the GPT type that stands for them when a disk is converted; all others become Linux data. */
const FROM_MBR: ReadonlyMap<number, string> = new Map<number, string>([
  ...[0x01, 0x04, 0x06, 0x07, 0x0b, 0x0c, 0x0e, 0x11, 0x14, 0x16, 0x17, 0x1b, 0x1c, 0x1e].map(
    (id): [number, string] => [id, T.microsoftBasicData],
  ),
  [0x27, T.windowsRecovery],
  [0x41, T.powerPcPrep],
  [0x42, T.windowsLdmData],
  [0x82, T.linuxSwap],
  [0x8e, T.linuxLvm],
  [0xa5, T.freebsdLabel],
  [0xa6, T.openbsdData],
  [0xa8, T.appleUfs],
  [0xa9, T.freebsdLabel],
  [0xab, T.appleBoot],
  [0xaf, T.appleHfs],
  [0xbe, T.solarisBoot],
  [0xbf, T.solarisRoot],
  [0xea, T.extendedBoot],
  [0xeb, T.haikuBfs],
  [0xef, T.efiSystem],
  [0xfb, T.vmwareVmfs],
  [0xfc, T.vmwareDiagnostic],
  [0xfd, T.linuxRaid],
]);

/** The GPT type GUID that corresponds to an MBR type byte, in lower case. */
export function guidOfMbrType(osType: number): string {
  return FROM_MBR.get(osType) ?? T.linuxData;
}
