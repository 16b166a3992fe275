import { MemoryDevice } from '@vmcraft/core/block';
import { describe, expect, it } from 'vitest';
import { luksActivator } from '../src/activator.js';
import { Fields, type JsonObject } from '../src/header/json-fields.js';
import { type BinaryHeader, encodePair, readPair } from '../src/header/luks2-binary.js';
import * as L from '../src/layout.js';
import { context, open, randomBytes, text, tools, warnings } from './container-file.js';

const QUICK = { pbkdf: 'argon2id', iterations: 1, memory: 64, cpus: 1, digestIterations: 1000 };
const QUICK1 = { iterations: 1000, digestIterations: 1000 };

async function make(version: 1 | 2): Promise<MemoryDevice> {
  const device = new MemoryDevice(3 << 20);
  const extra = version === 1 ? QUICK1 : QUICK;
  await tools.format(device, { key: text('secret'), slot: 0, version, extra, randomBytes }, context);
  return device;
}

/** A LUKS2 container whose metadata was changed, with right checksums. */
async function edited(change: (metadata: Metadata) => void): Promise<MemoryDevice> {
  const device = await make(2);
  const { header } = await readPair(device);
  const raw = structuredClone(header.metadata.raw);
  change(raw as unknown as Metadata);
  await writeHeader(device, { ...header, metadata: new Fields(raw, '') });
  return device;
}

async function writeHeader(device: MemoryDevice, header: BinaryHeader): Promise<void> {
  const [first, second] = await encodePair(header, randomBytes);
  await device.write(0, first);
  await device.write(header.size, second);
}

interface Metadata {
  readonly keyslots: Record<string, JsonObject & { kdf: JsonObject; area: JsonObject; af: JsonObject }>;
  readonly segments: Record<string, JsonObject>;
  readonly digests: Record<string, JsonObject>;
  readonly config: JsonObject;
}

const UNSUPPORTED: readonly (readonly [string, (m: Metadata) => void, RegExp])[] = [
  [
    'online reencryption',
    (m) => {
      m.config.requirements = { mandatory: ['online-reencrypt-v2'] };
    },
    /reencryption in progress/,
  ],
  [
    'offline reencryption',
    (m) => {
      m.config.requirements = { mandatory: ['offline-reencrypt'] };
    },
    /reencryption in progress/,
  ],
  [
    'an unknown requirement',
    (m) => {
      m.config.requirements = { mandatory: ['inline-hw-tags'] };
    },
    /requirement 'inline-hw-tags'/,
  ],
  [
    'a reencryption slot',
    (m) => {
      m.keyslots[0]!.type = 'reencrypt';
    },
    /reencryption in progress/,
  ],
  [
    'a segment in reencryption',
    (m) => {
      m.segments[0]!.flags = ['in-reencryption'];
    },
    /reencryption in progress/,
  ],
  [
    'several segments',
    (m) => {
      m.segments[1] = { ...m.segments[0] };
    },
    /2 segments/,
  ],
  [
    'no segment',
    (m) => {
      delete m.segments[0];
    },
    /without a segment/,
  ],
  [
    'a linear segment',
    (m) => {
      m.segments[0]!.type = 'linear';
    },
    /segment type 'linear'/,
  ],
  [
    'integrity',
    (m) => {
      m.segments[0]!.integrity = { type: 'hmac(sha256)' };
    },
    /dm-integrity/,
  ],
  [
    'serpent',
    (m) => {
      m.segments[0]!.encryption = 'serpent-xts-plain64';
    },
    /cipher 'serpent'/,
  ],
  [
    'twofish',
    (m) => {
      m.segments[0]!.encryption = 'twofish-xts-plain64';
    },
    /cipher 'twofish'/,
  ],
  [
    'a mode not known',
    (m) => {
      m.segments[0]!.encryption = 'aes-lrw-plain64';
    },
    /cipher mode 'lrw'/,
  ],
  [
    'an initial vector not known',
    (m) => {
      m.segments[0]!.encryption = 'aes-cbc-benbi';
    },
    /initial vector 'benbi'/,
  ],
  [
    'capi ciphers',
    (m) => {
      m.segments[0]!.encryption = 'capi:xts(aes)-plain64';
    },
    /cipher 'capi:xts\(aes\)'/,
  ],
  [
    'a key derivation not known',
    (m) => {
      m.keyslots[0]!.kdf.type = 'scrypt';
    },
    /key derivation 'scrypt'/,
  ],
  [
    'a hash not known',
    (m) => {
      m.keyslots[0]!.af.hash = 'md2';
    },
    /hash 'md2'/,
  ],
  [
    'a slot type not known',
    (m) => {
      m.keyslots[0]!.type = 'luks3';
    },
    /key slot type 'luks3'/,
  ],
  [
    'an area not known',
    (m) => {
      m.keyslots[0]!.area.type = 'journal';
    },
    /key slot area 'journal'/,
  ],
  [
    'a digest not known',
    (m) => {
      m.digests[0]!.type = 'argon2';
    },
    /digest type 'argon2'/,
  ],
];

const CORRUPT: readonly (readonly [string, (m: Metadata) => void])[] = [
  [
    'a digest of no bytes',
    (m) => {
      m.digests[0]!.digest = '';
    },
  ],
  [
    'a digest cut short',
    (m) => {
      m.digests[0]!.digest = (m.digests[0]!.digest as string).slice(0, 8);
    },
  ],
  [
    'a slot without digest',
    (m) => {
      m.digests[0]!.keyslots = [];
    },
  ],
  [
    'an area outside',
    (m) => {
      m.keyslots[0]!.area.offset = '1073741824';
    },
  ],
  [
    'an area in the header',
    (m) => {
      m.keyslots[0]!.area.offset = '0';
    },
  ],
  [
    'an area too small',
    (m) => {
      m.keyslots[0]!.area.size = '4096';
    },
  ],
  [
    'other stripes',
    (m) => {
      m.keyslots[0]!.af.stripes = 2;
    },
  ],
  [
    'a key of no length',
    (m) => {
      m.keyslots[0]!.key_size = 0;
    },
  ],
  [
    'sectors of 513',
    (m) => {
      m.segments[0]!.sector_size = 513;
    },
  ],
  [
    'no base64',
    (m) => {
      m.keyslots[0]!.kdf.salt = '????';
    },
  ],
  [
    'a size that is no number',
    (m) => {
      m.segments[0]!.size = 'much';
    },
  ],
];

describe('containers that are not opened', () => {
  it.each(UNSUPPORTED)('%s', async (_, change, message) => {
    const error = { code: 'VMC_UNSUPPORTED', message: expect.stringMatching(message) };
    await expect(edited(change).then((d) => open(d))).rejects.toMatchObject(error);
  });

  it.each(CORRUPT)('damage: %s', async (_, change) => {
    await expect(edited(change).then((d) => open(d))).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });

  it('more work than allowed', async () => {
    const limits = { code: 'VMC_LIMIT' };
    const slow = (change: (m: Metadata) => void) => edited(change).then((d) => open(d));
    await expect(
      slow((m) => {
        m.keyslots[0]!.kdf.memory = 0xffffffff;
      }),
    ).rejects.toMatchObject(limits);
    await expect(
      slow((m) => {
        m.keyslots[0]!.kdf.time = 0xffffffff;
      }),
    ).rejects.toMatchObject(limits);
    const salt = btoa('x'.repeat(32));
    const kdf = { type: 'pbkdf2', hash: 'sha256', iterations: 0xffffffff, salt };
    await expect(
      slow((m) => {
        m.keyslots[0]!.kdf = kdf;
      }),
    ).rejects.toMatchObject(limits);
  });

  it('a version that does not exist', async () => {
    const device = await make(1);
    await device.write(6, Uint8Array.of(0, 3));
    expect(await luksActivator().probe(device)).toBeUndefined();
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_UNSUPPORTED', message: /version 3/ });
  });

  it.each([
    ['cipher', 8, 'serpent', 'VMC_UNSUPPORTED'],
    ['mode', 40, 'ctr-plain', 'VMC_UNSUPPORTED'],
    ['hash', 72, 'md2', 'VMC_UNSUPPORTED'],
    ['key length', 108, '\0\0\0\0', 'VMC_CORRUPT'],
    ['slot state', 208, '\x01\x02\x03\x04', 'VMC_CORRUPT'],
    ['stripes', 252, '\0\0\0\x01', 'VMC_CORRUPT'],
    ['iterations', 212, '\xff\xff\xff\xff', 'VMC_LIMIT'],
    ['payload', 104, '\xff\xff\xff\xff', 'VMC_TRUNCATED'],
  ])('LUKS1 with another %s', async (_, at, bytes, code) => {
    const device = await make(1);
    const field = new Uint8Array(at === 8 || at === 40 || at === 72 ? 32 : 4);
    field.set(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    await device.write(at, field);
    await expect(open(device)).rejects.toMatchObject({ code });
  });
});

describe('the two headers of LUKS2', () => {
  it('the second one serves when the first is damaged, and is made new with the next change', async () => {
    const device = await make(2);
    await device.write(0, new Uint8Array(4096));
    warnings.length = 0;
    expect((await luksActivator().probe(device))?.type).toBe('crypto_LUKS');
    await open(device);
    expect(warnings).toEqual([expect.stringContaining('the first header is not used')]);
    const request = { deviceName: '/dev/sda', key: text('secret'), newKey: text('other'), slot: 1, randomBytes };
    await tools.addKey(device, request, context);
    warnings.length = 0;
    await open(device, 'other');
    expect(warnings).toEqual([]);
  });

  it('the newer one counts, and one flipped bit is noticed', async () => {
    const device = await make(2);
    const { header } = await readPair(device);
    const [, second] = await encodePair({ ...header, sequence: header.sequence + 5 }, randomBytes);
    await device.write(header.size, second);
    expect((await readPair(device)).header.sequence).toBe(header.sequence + 5);
    const at = header.size + L.Luks2Binary.size + 20;
    await device.write(at, Uint8Array.of((await device.read(at, 1))[0]! ^ 1));
    const pair = await readPair(device);
    expect([pair.header.sequence, pair.defect]).toEqual([header.sequence, expect.stringContaining('csum')]);
    await device.write(100, Uint8Array.of(1));
    await expect(open(device)).rejects.toMatchObject({ code: 'VMC_CORRUPT' });
  });
});
