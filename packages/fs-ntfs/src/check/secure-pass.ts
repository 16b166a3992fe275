import { equalBytes, toSafeInteger, viewOf } from '@vmcraft/core/binary';
import { type Attribute, sizeOf } from '../attribute.js';
import { readAttribute } from '../attribute-reader.js';
import type { IndexEntry } from '../index-node.js';
import { AttributeType, SystemFile } from '../layout.js';
import { IndexName } from '../layout-index.js';
import { descriptorHash } from '../security/hash.js';
import { MAX_DESCRIPTOR_BYTES, SDS_BLOCK_BYTES, SdsHeader } from '../security/layout-security.js';
import { SDS_STREAM } from '../security/secure-store.js';
import type { Volume } from '../volume.js';
import type { Findings } from './findings.js';
import { walkIndex } from './index-walk.js';

/** Keys: an id; a hash, then an id. */
const ID_BYTES = 4;
const HASH_KEY_BYTES = 8;

/** $Secure: each id has its descriptor, twice, and both indexes agree; each id that a file has exists. Linux-NTFS "$Secure". */
export async function checkSecure(
  volume: Volume,
  used: ReadonlyMap<number, number>,
  findings: Findings,
): Promise<void> {
  const inode = await volume.mft.load(SystemFile.secure);
  const sds = inode.require(AttributeType.data, SDS_STREAM);
  const known = new Map<number, number>();
  const byId = volume.index(inode, IndexName.securityId);
  const isWhole = await walkIndex(volume, byId, findings, async (entry) => {
    if (!hasKey(entry, ID_BYTES, findings)) return;
    const id = viewOf(entry.key).getUint32(0, true);
    await findings.attempt(`$Secure, id 0x${id.toString(16)}`, async () => {
      known.set(id, await checkDescriptor(volume, sds, id, entry.data, findings));
    });
  });
  let hashes = 0;
  const byHash = volume.index(inode, IndexName.securityHash);
  const hashesWhole = await walkIndex(volume, byHash, findings, (entry) => {
    if (!hasKey(entry, HASH_KEY_BYTES, findings)) return;
    const key = viewOf(entry.key);
    const [hash, id] = [key.getUint32(0, true), key.getUint32(4, true)];
    hashes++;
    if (known.has(id) && known.get(id) !== hash) {
      findings.error(`$Secure: the hash index has 0x${hash.toString(16)} for id 0x${id.toString(16)}`);
    } else if (!known.has(id) && isWhole) {
      findings.error(`$Secure: id 0x${id.toString(16)} of the hash index is not in the index of ids`);
    }
  });
  if (isWhole && hashesWhole && hashes < known.size) {
    findings.error(`$Secure: ${known.size} ids, but ${hashes} in the hash index`);
  }
  if (!isWhole) return;
  for (const [id, record] of used) {
    if (!known.has(id)) findings.error(`record ${record}: its security id 0x${id.toString(16)} is not in $Secure`);
  }
}

function hasKey({ key }: IndexEntry, length: number, findings: Findings): boolean {
  if (key.length >= length) return true;
  findings.error(`$Secure: an index has a key of ${key.length} bytes`);
  return false;
}

/** @returns the hash of the descriptor */
async function checkDescriptor(
  volume: Volume,
  sds: Attribute,
  id: number,
  data: Uint8Array,
  findings: Findings,
): Promise<number> {
  const place = SdsHeader.decode(data);
  const what = `$Secure, id 0x${id.toString(16)}`;
  const offset = toSafeInteger(place.offset, '$SII.offset');
  if (place.length < SdsHeader.size || place.length > SdsHeader.size + MAX_DESCRIPTOR_BYTES) {
    findings.error(`${what}: a descriptor of ${place.length} bytes`);
    return place.hash;
  }
  if (place.securityId !== id) findings.error(`${what}: its entry is of id 0x${place.securityId.toString(16)}`);
  const first = await readAttribute(volume, sds, offset, place.length);
  const copy = await readAttribute(volume, sds, offset + SDS_BLOCK_BYTES, place.length);
  for (const [bytes, which] of [
    [first, 'descriptor'],
    [copy, 'copy of its descriptor'],
  ] as const) {
    if (bytes.length < place.length) findings.error(`${what}: its ${which} is not within ${sizeOf(sds)} bytes of $SDS`);
    else if (!isDescriptor(bytes, data)) findings.error(`${what}: its ${which} is damaged`);
  }
  return place.hash;
}

/** Whether header and descriptor in $SDS are those that an index entry tells of. */
function isDescriptor(bytes: Uint8Array, place: Uint8Array): boolean {
  if (!equalBytes(bytes.subarray(0, SdsHeader.size), place.subarray(0, SdsHeader.size))) return false;
  return descriptorHash(bytes.subarray(SdsHeader.size)) === SdsHeader.decode(place).hash;
}
