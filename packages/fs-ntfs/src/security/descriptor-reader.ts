import { readWhole } from '../attribute-reader.js';
import type { Inode } from '../inode.js';
import { AttributeType, STANDARD_INFORMATION_V1_SIZE } from '../layout.js';
import type { Volume } from '../volume.js';
import { encodeAce } from './ace.js';
import {
  ACCESS_ALLOWED_ACE,
  ACL_REVISION,
  AclHeader,
  CONTAINER_INHERIT_ACE,
  MAX_DESCRIPTOR_BYTES,
  OBJECT_INHERIT_ACE,
  SE_DACL_PRESENT,
  SE_SELF_RELATIVE,
  SecurityDescriptorHeader,
} from './layout-security.js';
import type { SecureStore } from './secure-store.js';
import { encodeSid } from './sid.js';

const ADMINISTRATORS = 'S-1-5-32-544';
const EVERYONE = 'S-1-1-0';
const FILE_ALL_ACCESS = 0x1f01ff;

/** What a file without any descriptor is shown with, as ntfs-3g has it: everything to everyone. */
export function missingDescriptor(): Uint8Array {
  const owner = encodeSid(ADMINISTRATORS);
  const flags = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE;
  const ace = encodeAce({ type: ACCESS_ALLOWED_ACE, flags, mask: FILE_ALL_ACCESS, sid: EVERYONE });
  const ownerOffset = SecurityDescriptorHeader.size;
  const groupOffset = ownerOffset + owner.length;
  const daclOffset = groupOffset + owner.length;
  const size = AclHeader.size + ace.length;
  const data = new Uint8Array(daclOffset + size);
  const control = SE_SELF_RELATIVE | SE_DACL_PRESENT;
  SecurityDescriptorHeader.encodeInto({ revision: 1, control, ownerOffset, groupOffset, daclOffset }, data);
  data.set(owner, ownerOffset);
  data.set(owner, groupOffset);
  AclHeader.encodeInto({ revision: ACL_REVISION, size, count: 1 }, data, daclOffset);
  data.set(ace, daclOffset + AclHeader.size);
  return data;
}

/** The id of the descriptor that a file shares; 0 when it has one of its own, or none. */
export function securityIdOf(inode: Inode): number {
  const { standard } = inode;
  return standard.byteLength > STANDARD_INFORMATION_V1_SIZE ? standard.getUint32(52, true) : 0;
}

/**
 * The security descriptor of a file: the shared one that its id names, else its own; undefined when it has none.
 * @throws CorruptImageError
 */
export async function readDescriptor(
  volume: Volume,
  store: SecureStore,
  inode: Inode,
): Promise<Uint8Array | undefined> {
  const securityId = securityIdOf(inode);
  const shared = securityId === 0 ? undefined : await store.descriptorOf(securityId);
  if (shared !== undefined) return shared;
  const own = inode.find(AttributeType.securityDescriptor);
  return own === undefined ? undefined : readWhole(volume, own, MAX_DESCRIPTOR_BYTES);
}
