import { UnsupportedFeatureError } from '@vmcraft/core/errors';

/** Chaining modes done here. */
export type Mode = 'xts' | 'cbc' | 'ecb';
/** Ways to make the initial vector of a sector from its number. */
export type IvName = 'plain' | 'plain64' | 'plain64be' | 'essiv' | 'null';

/** A cipher as dm-crypt writes it, taken apart. */
export interface CipherSpec {
  readonly cipher: 'aes';
  readonly mode: Mode;
  readonly iv: IvName;
  /** Hash of ESSIV. */
  readonly ivHash?: string;
}

const CITATION = 'Linux Documentation/admin-guide/device-mapper/dm-crypt.rst';
const MODES: readonly string[] = ['xts', 'cbc', 'ecb'];
const IVS: readonly string[] = ['plain', 'plain64', 'plain64be', 'essiv', 'null'];

/**
 * Take `aes-xts-plain64`, `aes-cbc-essiv:sha256` or `aes-ecb` apart.
 * @throws UnsupportedFeatureError for what is not done here
 */
export function parseCipher(text: string): CipherSpec {
  const [cipher = '', mode = 'cbc', ...rest] = text.toLowerCase().split('-');
  const [iv = mode === 'ecb' ? 'null' : 'plain', ivHash] = rest.join('-').split(':');
  const ivName = iv === '' ? (mode === 'ecb' ? 'null' : 'plain') : iv;
  if (cipher !== 'aes') throw unsupported(text, `cipher '${printable(cipher)}'`);
  if (!MODES.includes(mode)) throw unsupported(text, `cipher mode '${printable(mode)}'`);
  if (!IVS.includes(ivName)) throw unsupported(text, `initial vector '${printable(ivName)}'`);
  if (ivName === 'essiv' && (ivHash === undefined || ivHash === '')) throw unsupported(text, 'ESSIV without a hash');
  const spec = { cipher, mode: mode as Mode, iv: ivName as IvName } as const;
  return ivName === 'essiv' ? { ...spec, ivHash: ivHash as string } : spec;
}

/** Names come from an image: only what can be shown is. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40);
}

function unsupported(text: string, feature: string): UnsupportedFeatureError {
  return new UnsupportedFeatureError({
    feature,
    structure: `cipher ${printable(text)}`,
    citation: CITATION,
    workaround: 'decrypt it with cryptsetup on a host whose kernel has it',
  });
}
