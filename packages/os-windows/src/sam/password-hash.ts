import { encodeUtf16, fromHex } from '@vmcraft/core/binary';
import { UsageError } from '@vmcraft/core/errors';
import { md4 } from 'hash-wasm';

/** Characters that Windows takes in a password. */
const MAX_PASSWORD = 256;

/** The NT hash of a password: MD4 of its UTF-16 ([MS-NLMP] 3.3.1 NTOWFv1). @throws UsageError when it is too long */
export async function ntHashOf(password: string): Promise<Uint8Array> {
  if (password.length > MAX_PASSWORD) throw new UsageError(`a password has at most ${MAX_PASSWORD} characters`);
  return fromHex(await md4(encodeUtf16(password)));
}

/** An NT hash of 32 hexadecimal digits. @throws UsageError, without the text: it is a secret */
export function parseNtHash(text: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/i.test(text)) throw new UsageError('an NT hash has 32 hexadecimal digits');
  return fromHex(text);
}
