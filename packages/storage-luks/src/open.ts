import { CachedDevice } from '@vmcraft/core/block';
import type { BlockDevice, SectorCipher, StorageContext, Volume } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { makeSectorCipher } from './cipher/sector-cipher.js';
import { type AnyHeader, readHeader } from './header/read-header.js';
import { DEFAULT_LIMITS, type LuksLimits } from './key/limits.js';
import type { KeyTools } from './key/slot-area.js';
import { unlock } from './key/unlock.js';
import { PayloadDevice, payloadWindow } from './payload-device.js';

/** Decrypted pages kept, bytes. */
const CACHE_BYTES = 16 * 1024 * 1024;

/** What to open and how. */
export interface OpenRequest {
  /** For errors: `/dev/sda2`. */
  readonly deviceName: string;
  readonly keys: readonly Uint8Array[];
  /** Name of the volume: `/dev/mapper/NAME`. */
  readonly volumeName: string;
  readonly readonly: boolean;
  /** Where header and key slots are, when they are not on the device itself. */
  readonly header?: BlockDevice | undefined;
}

/** What keys are worked with. */
export function toolsOf(context: Pick<StorageContext, 'ciphers'>, limits: LuksLimits = DEFAULT_LIMITS): KeyTools {
  return { ciphers: context.ciphers, limits };
}

/**
 * Open a container with the first key that fits.
 * @throws CredentialError, CorruptImageError, TruncatedImageError, UnsupportedFeatureError, LimitExceededError
 */
export async function openContainer(
  device: BlockDevice,
  request: OpenRequest,
  context: StorageContext,
  limits?: LuksLimits,
): Promise<Volume> {
  const header = await readHeader(request.header ?? device, context.warn);
  if (request.header === undefined) requireAttached(header);
  const { payload } = header;
  // Before the key is tried: a device that is too short has nothing to open.
  const window = payloadWindow(device, payload.offset, payload.size);
  const cipher = await payloadCipherOf(header, request.header ?? device, request, toolsOf(context, limits));
  const name = `/dev/mapper/${request.volumeName}`;
  const plain = new PayloadDevice(window, cipher, { name, writable: !request.readonly });
  return {
    name,
    kind: 'luks',
    uuid: header.uuid,
    ...(header.label === '' ? {} : { label: header.label }),
    device: new CachedDevice(plain, { maxBytes: CACHE_BYTES }),
  };
}

/** The cipher of the payload, once a key opens it. */
export async function payloadCipherOf(
  header: AnyHeader,
  device: BlockDevice,
  request: Pick<OpenRequest, 'keys' | 'deviceName'>,
  tools: KeyTools,
): Promise<SectorCipher> {
  const { volumeKey } = await unlock(device, header.slots, request.keys, request.deviceName, tools);
  try {
    const { cipher, sectorSize, ivOffset } = header.payload;
    return await makeSectorCipher(cipher, volumeKey, { sectorSize, ivOffset, ciphers: tools.ciphers });
  } finally {
    volumeKey.fill(0);
  }
}

/** A payload that begins within the header is somewhere else. @throws UnsupportedFeatureError */
function requireAttached(header: AnyHeader): void {
  if (header.payload.offset >= header.headerBytes) return;
  const feature = 'a detached header: its data is on another device';
  throw new UnsupportedFeatureError({
    feature,
    structure: 'LUKS',
    workaround: 'open the data device and name this header',
  });
}
