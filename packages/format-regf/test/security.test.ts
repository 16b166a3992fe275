import { resolve } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import {
  decodeSecurityDescriptor,
  formatSddl,
  formatSid,
  memorySource,
  openHive,
  parseSddl,
  parseSid,
  walkKeys,
} from '../src/index.js';
import { DATA, loadFile, output, withFile } from './support.js';

describe('SDDL', () => {
  it.each([
    'O:BAG:SYD:(A;;KA;;;BA)',
    'O:SYG:SYD:PARAI(A;OICINPIOID;GAGRGWGX;;;WD)(D;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;AN)S:PAI(AU;SAFA;KA;;;S-1-5-21-1-2-3-500)',
    'D:NO_ACCESS_CONTROL',
    'D:',
    'O:BA',
    'D:P(OA;;CC;00299570-246d-11d0-a768-00aa006e0529;;AU)(OD;;CC;;00299570-246d-11d0-a768-00aa006e0529;AU)',
    'S:(ML;;NWNRNX;;;HI)',
    'D:(A;;0x80000001;;;S-1-5-80-1)',
    'O:S-1-0x123456789abc-7D:(A;;KR;;;CO)',
  ])('%s comes back the same', (text) => {
    const again = formatSddl(parseSddl(text));
    expect(again).toBe(text.replace('0x80000001', 'GRCC'));
    expect(formatSddl(parseSddl(again))).toBe(again);
  });

  it.each([
    '',
    'hello',
    'O:XXG:SY',
    'D:(A;;KA;;;BA',
    'D:(Q;;KA;;;BA)',
    'D:(A;ZZ;KA;;;BA)',
    'D:(A;;ZZ;;;BA)',
    'O:BAO:BA',
    'D:(A;;KA;;;S-1-)',
    'D:X(A;;KA;;;BA)',
    'D:(A;;0x1ffffffff;;;BA)',
    'D:(A;;KA;x;;BA)',
  ])('%j is an error', (text) => expect(() => parseSddl(text)).toThrow(expect.objectContaining({ code: 'VMC_USAGE' })));

  it('names of a domain need the domain', () => {
    expect(() => parseSddl('O:DA')).toThrow(expect.objectContaining({ code: 'VMC_UNSUPPORTED' }));
  });

  it('identifiers', () => {
    expect(formatSid(parseSid('S-1-5-32-544'))).toBe('S-1-5-32-544');
    expect([...parseSid('S-1-5-18')]).toEqual([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
  });

  it('cut anywhere is an error or a value', () => {
    const whole = parseSddl('O:BAG:SYD:(A;;KA;;;BA)S:(AU;SAFA;KA;;;WD)');
    for (let length = 0; length < whole.length; length++) {
      expect(() => formatSddl(whole.subarray(0, length))).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^VMC_/) }),
      );
    }
  });
});

const RIGHTS = new Map([
  [0x1, 'QRY_VAL'],
  [0x2, 'SET_VAL'],
  [0x4, 'CREATE_KEY'],
  [0x8, 'ENUM_KEYS'],
  [0x10, 'NOTIFY'],
  [0x20, 'CREATE_LNK'],
  [0x10000, 'DELETE'],
  [0x20000, 'R_CONT'],
  [0x40000, 'W_DAC'],
  [0x80000, 'W_OWNER'],
  [0x10000000, 'GEN_A'],
  [0x20000000, 'GEN_X'],
  [0x40000000, 'GEN_W'],
  [0x80000000, 'GEN_R'],
]);

const FLAGS = ['OI', 'CI', 'NI', 'IO', 'IA'];

/** An ACL of entries that allow, with rights that reglookup names, as it prints them. */
function aclText(aces: ReturnType<typeof decodeSecurityDescriptor>['dacl']): string | undefined {
  const texts = (aces ?? []).map(({ type, flags, mask, sid }) => {
    const names = [...RIGHTS].filter(([bit]) => (mask & bit) >>> 0 === bit);
    const isPlain = type === 0 && flags < 0x20 && names.reduce((sum, [bit]) => sum + bit, 0) === mask;
    const inherit = FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0);
    return isPlain ? `${sid}:ALLOW:${names.map(([, name]) => name).join(' ')}:${inherit.join(' ')}` : undefined;
  });
  return texts.includes(undefined) ? undefined : texts.join('|');
}

describe.runIf(requireTools(`data:${resolve(DATA, 'manifest.json')}`, 'reglookup'))('descriptors of real hives', () => {
  it.each(['hive/dissect-SYSTEM.gz', 'hive/nthive-testhive.gz', 'hive/libguestfs-windows-software'])(
    '%s: owners, lists, times and classes as reglookup says',
    { timeout: 300_000 },
    async (file) => {
      const bytes = loadFile(file);
      const lines = withFile(bytes, (path) => output('reglookup', '-s', '-t', 'KEY', path)).split('\n');
      const theirs = new Map(lines.slice(1).map((line) => [line.slice(0, line.indexOf(',')), line.split(',')]));
      const hive = await openHive(memorySource(bytes));
      const seen = new Map<string, string | undefined>();
      let [compared, lists] = [0, 0];
      for await (const { key, path } of walkKeys(hive.root, { values: false })) {
        const found = theirs.get(`/${path.replaceAll('\\', '/')}`);
        if (found === undefined) continue;
        const descriptor = (await key.securityDescriptor())!;
        const id = Buffer.from(descriptor).toString('hex');
        if (!seen.has(id)) {
          const { owner, group, dacl } = decodeSecurityDescriptor(descriptor);
          expect([owner, group]).toEqual([found[4], found[5]]);
          expect(formatSddl(parseSddl(formatSddl(descriptor)))).toBe(formatSddl(descriptor));
          seen.set(id, aclText(dacl));
        }
        expect((await key.className()) ?? '').toBe(found[8]);
        expect(key.lastWritten?.toISOString().slice(0, 19).replace('T', ' ')).toBe(found[3]);
        if (seen.get(id) !== undefined && ++lists > 0) expect(found[7]).toBe(seen.get(id));
        compared++;
      }
      expect(compared).toBeGreaterThan(theirs.size * 0.9);
      expect(lists).toBeGreaterThan(compared / 4);
    },
  );
});
