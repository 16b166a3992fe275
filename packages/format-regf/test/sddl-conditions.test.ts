import { pattern } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { decodeSecurityDescriptor, formatSddl, parseSddl } from '../src/index.js';

/** Data behind the identifier of the only entry. */
function dataOf(sddl: string): string {
  const { dacl, sacl } = decodeSecurityDescriptor(parseSddl(sddl));
  return Buffer.from((dacl ?? sacl)![0]!.data!).toString('hex');
}

const text = (value: string): string => {
  const bytes = Buffer.from(value, 'utf16le');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return length.toString('hex') + bytes.toString('hex');
};
const ONE = '0401000000000000000302';

describe('conditional entries', () => {
  it('are the bytes of the specification', () => {
    // [MS-DTYP] section 2.4.4.17.9, both examples.
    expect(dataOf('D:(XA;;FX;;;S-1-1-0;(Title=="VP"))')).toBe(
      '61727478f80a0000005400690074006c0065001004000000560050008000' + '0000',
    );
    const second = '(@User.smartcard==1 || @Device.managed==1) && (@Resource.dept Any_of {"Sales","HR"})';
    const sales = `10${text('Sales')}10${text('HR')}`;
    const list = `50${Buffer.from(Uint32Array.of(sales.length / 2).buffer).toString('hex')}${sales}`;
    const whole =
      `61727478f9${text('smartcard')}${ONE}80fb${text('managed')}${ONE}80a1` + `fa${text('dept')}${list}88a0`;
    expect(dataOf(`D:(XA;;FR;;;S-1-1-0;(${second}))`)).toBe(whole.padEnd(Math.ceil(whole.length / 8) * 8, '0'));
  });

  it.each([
    'D:(XA;;FX;;;WD;(Title == "VP"))',
    'D:(XA;OICI;FA;;;BA;(@User.a && @Device.b || !(@Resource.c)))',
    'D:(XD;;FA;;;AU;(@User.a && (@Device.b || Exists c)))',
    'D:(XD;;FA;;;AU;(@User.a && (@Device.b && c) && d))',
    'D:(XA;;GA;;;WD;(Member_of {SID(BA), SID(S-1-5-21-1-2-3-4)}))',
    'D:(XA;;GA;;;WD;(Not_Device_Member_of_Any {SID(BA)} || Member_of_Any {SID(SY)}))',
    'D:(XA;;GA;;;WD;(x == -17 && x != 0x11 && x >= 021 && x < +5 && x <= 0 && x > 9223372036854775807))',
    'D:(XA;;GA;;;WD;(@User.list Contains {1, "two", #03ff, {4}} && @User.a Not_Any_of @Resource.b))',
    'D:(XA;;GA;;;WD;(@User.a%0020b%0028 == "D:(S:;)\\"))S:(AU;SAFA;KA;;;WD)',
    'D:(ZA;;CC;00299570-246d-11d0-a768-00aa006e0529;;AU;(Not_Exists @Resource.x))',
    'S:(XU;SA;KA;;;WD;(@User.Grüße == {}))',
    'D:(XA;;GA;;;WD;(%0032nd == SID(WD)))',
    'S:(RA;;;;;WD;("Project",TS,0x0,"Windows","SQL"))',
    'S:(RA;CI;;;;WD;("Secrecy",TU,0x3,3,18446744073709551615))',
    'S:(RA;;;;;WD;("n%0022",TI,0x10000,-3,9223372036854775807))',
    'S:(RA;;;;;WD;("who",TD,0x0,BA,S-1-5-21-9))',
    'S:(RA;;;;;WD;("is",TB,0x0,1,0))',
    'S:(RA;;;;;WD;("bytes",TX,0x0,#,#0102ff))',
  ])('%s comes back the same', (sddl) => {
    const bytes = parseSddl(sddl);
    expect(formatSddl(bytes)).toBe(sddl);
    expect(Buffer.from(parseSddl(formatSddl(bytes)))).toEqual(Buffer.from(bytes));
  });

  it.each([
    ['D:(XA;;GA;;;WD;((((a)))))', 'D:(XA;;GA;;;WD;(a))'],
    ['D:(XA;;GA;;;WD;(member_of SID(BA)))', 'D:(XA;;GA;;;WD;(Member_of {SID(BA)}))'],
    ['D:(XA;;GA;;;WD;(@USER.a==#1#2#3##))', 'D:(XA;;GA;;;WD;(@User.a == #01020300))'],
    ['D:(XA;;GA;;;WD;( ! a&&b||c ))', 'D:(XA;;GA;;;WD;(!(a) && b || c))'],
    ['S:(RA;;;;;WD;("Project", TS, 0, "sshc"))', 'S:(RA;;;;;WD;("Project",TS,0x0,"sshc"))'],
  ])('%s means %s', (sddl, expected) => expect(formatSddl(parseSddl(sddl))).toBe(expected));

  it.each([
    'D:(XA;;GA;;;WD)',
    'D:(A;;GA;;;WD;(a))',
    'D:(XA;;GA;;;WD;())',
    'D:(XA;;GA;;;WD;(a ==))',
    'D:(XA;;GA;;;WD;(a == 1 ||))',
    'D:(XA;;GA;;;WD;(a b))',
    'D:(XA;;GA;;;WD;(@Group.a))',
    'D:(XA;;GA;;;WD;(Member_of {1}))',
    'D:(XA;;GA;;;WD;(a == {1, a}))',
    'D:(XA;;GA;;;WD;(a == 9223372036854775808))',
    'D:(XA;;GA;;;WD;(a == "x))',
    `D:(XA;;GA;;;WD;(${'('.repeat(100)}a${')'.repeat(100)}))`,
    `D:(XA;;GA;;;WD;(a == ${'{'.repeat(100)}1${'}'.repeat(100)}))`,
    'S:(RA;;;;;WD;("a",TS,0))',
    'S:(RA;;;;;WD;("a",TS,0,1))',
    'S:(RA;;;;;WD;("a",TU,0,-1))',
    'S:(RA;;;;;WD;("a",TB,0,2))',
    'S:(RA;;;;;WD;("a",TX,0,#123))',
    'S:(RA;;;;;WD;("a",TZ,0,1))',
    'S:(RA;;;;;WD;(a,TU,0,1))',
    'S:(RA;;;;;WD;("a",TU,0,1,))',
  ])('%j is an error', (sddl) => expect(() => parseSddl(sddl)).toThrow(expect.objectContaining({ code: 'VMC_USAGE' })));

  it('damaged anywhere are a value or a typed error', () => {
    const whole = parseSddl(
      'D:(XA;;GA;;;WD;(@User.a == {1, "x", #01} && Member_of {SID(BA)}))S:(RA;;;;;WD;("n",TS,0x0,"a","b"))',
    );
    const noise = pattern(9000, 5);
    for (let i = 0; i + 2 < noise.length; i += 3) {
      const bytes = whole.slice();
      bytes[20 + (noise[i]! % (whole.length - 20))] = noise[i + 1]!;
      bytes[20 + (noise[i + 2]! % (whole.length - 20))]! ^= 1 << (i % 8);
      try {
        expect(typeof formatSddl(bytes)).toBe('string');
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^VMC_/);
      }
    }
  });
});
