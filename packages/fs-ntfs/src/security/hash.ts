import { viewOf } from '@vmcraft/core/binary';

/** Hash of a descriptor, by which $SDH finds it: each word is added to the hash so far, rotated left by three. Linux-NTFS, "$Secure". */
export function descriptorHash(descriptor: Uint8Array): number {
  const view = viewOf(descriptor);
  let hash = 0;
  for (let at = 0; at + 4 <= descriptor.length; at += 4) {
    hash = (view.getUint32(at, true) + ((hash << 3) | (hash >>> 29))) | 0;
  }
  return hash >>> 0;
}
