import { equalBytes } from '@vmcraft/core/binary';
import type { BlockDevice, CheckReport } from '@vmcraft/core/contracts';
import { sizeOf } from '../attribute.js';
import { readAttribute } from '../attribute-reader.js';
import { AttributeType, bootSector, SystemFile, VolumeFlag } from '../layout.js';
import { logState } from '../log-file.js';
import { MIRRORED_RECORDS } from '../mft.js';
import { parseRecord } from '../mft-record.js';
import { DEFAULT_LIMITS } from '../open.js';
import { Volume } from '../volume.js';
import { ClusterClaims } from './cluster-claims.js';
import { Findings } from './findings.js';
import { walkIndex } from './index-walk.js';
import { NamePass } from './name-pass.js';
import { Fact, RecordFacts } from './record-facts.js';
import { RecordPass } from './record-pass.js';
import { checkSecure } from './secure-pass.js';

/** Records that $MFTMirr may have at most. */
const MAX_MIRRORED = 4096;

/**
 * Check the structure of an NTFS volume, changing nothing: records and their attributes, $MFTMirr, clusters against $Bitmap, directories
 * against the files that they name, link counts, the other indexes, and security descriptors. What waits in $LogFile is not applied.
 * Memory grows with the number of records and clusters, by some bytes for each record and a bit for each cluster.
 *
 * @returns `clean` when chkdsk would have nothing to repair
 * @throws HostError and the like from the device; damage is never thrown
 */
export async function checkNtfs(device: BlockDevice): Promise<CheckReport> {
  const findings = new Findings();
  const warn = ({ message }: { message: string }): void => findings.error(message);
  const volume = await findings.attempt('', () =>
    Volume.open(device, { readonly: true, limits: DEFAULT_LIMITS, warn }),
  );
  if (volume !== undefined) await findings.attempt('', () => checkVolume(volume, device, findings));
  return findings.report();
}

async function checkVolume(volume: Volume, device: BlockDevice, findings: Findings): Promise<void> {
  const { geometry } = volume;
  const bytes = geometry.totalSectors * geometry.sectorSize;
  if (bytes > device.size) {
    findings.error(`the volume has ${bytes} bytes, its device ${device.size}`);
    return;
  }
  await findings.attempt('', () => checkState(volume, findings));
  await findings.attempt('', () => checkBackupBoot(volume, device, findings));
  await findings.attempt('$MFTMirr', () => checkMirror(volume, findings));
  const facts = new RecordFacts(recordCount(volume, device));
  const claims = new ClusterClaims(volume, findings);
  const records = new RecordPass(volume, facts, claims, findings);
  await records.run();
  await findings.attempt('$Bitmap', () => claims.compare(records.complete));
  await new NamePass(volume, facts, findings).run();
  await findings.attempt('', () => checkSecure(volume, records.securityIds, findings));
  await checkViewIndexes(volume, facts, findings);
}

/** What $MFT says of its size is worth no more than its clusters are. */
function recordCount(volume: Volume, device: BlockDevice): number {
  const { clusterSize, recordSize } = volume.geometry;
  const { runs, initializedSize } = volume.mft.inode.require(AttributeType.data).nonResident!;
  return Math.floor(Math.min(initializedSize, runs.allocated * clusterSize, device.size) / recordSize);
}

async function checkState(volume: Volume, findings: Findings): Promise<void> {
  const { flags } = await volume.facts();
  if ((flags & VolumeFlag.dirty) !== 0) findings.warning('the volume is marked dirty: Windows wants to check it');
  const log = (await volume.mft.load(SystemFile.logFile)).require(AttributeType.data);
  if ((await logState(volume, log)) === 'dirty') findings.warning('changes wait in $LogFile; they were not applied');
}

/** The last sector of the partition, behind those of the volume, is a copy of the first. Linux-NTFS "$Boot". */
async function checkBackupBoot(volume: Volume, device: BlockDevice, findings: Findings): Promise<void> {
  const { totalSectors, sectorSize } = volume.geometry;
  const offset = totalSectors * sectorSize;
  if (offset + bootSector.size > device.size) {
    findings.warning('there is no room for the backup of the boot sector behind the volume');
    return;
  }
  const [main, backup] = [await device.read(0, bootSector.size), await device.read(offset, bootSector.size)];
  if (!equalBytes(main, backup)) findings.error('the backup of the boot sector differs from it');
}

/** $MFTMirr has the first records of $MFT. They differ in nothing but how their sectors are protected. */
async function checkMirror(volume: Volume, findings: Findings): Promise<void> {
  const { recordSize } = volume.geometry;
  const data = (await volume.mft.load(SystemFile.mftMirror)).require(AttributeType.data);
  const count = Math.min(Math.floor(sizeOf(data) / recordSize), MAX_MIRRORED);
  if (count < MIRRORED_RECORDS) findings.error(`$MFTMirr has ${count} records`);
  for (let number = 0; number < count; number++) {
    await findings.attempt('$MFTMirr', async () => {
      const copy = parseRecord(await readAttribute(volume, data, number * recordSize, recordSize), number, 0);
      const record = await volume.mft.readRecord(number);
      const length = record.view.getUint32(24, true);
      const from = record.view.getUint16(20, true);
      if (equalBytes(record.data.subarray(from, length), copy.data.subarray(from, length))) return;
      findings.error(`$MFTMirr: record ${number} differs from that of $MFT`);
    });
  }
}

/** Indexes of other things than names, but for those of $Secure: their order and their blocks. */
async function checkViewIndexes(volume: Volume, facts: RecordFacts, findings: Findings): Promise<void> {
  for (let number = 0; number < facts.count; number++) {
    if (number === SystemFile.secure || !facts.is(number, Fact.viewIndex) || !facts.is(number, Fact.readable)) continue;
    const inode = await volume.mft.load(number);
    for (const { name } of inode.all(AttributeType.indexRoot)) {
      if (name === '$I30') continue;
      await findings.attempt(`index ${name} of record ${number}`, () =>
        walkIndex(volume, volume.index(inode, name), findings, () => undefined),
      );
    }
  }
}
