import { describe, expect, it } from 'vitest';
import { newSecure, rootDescriptor } from '../../src/format/descriptors.js';
import { decodeDescriptor, encodeDescriptor } from '../../src/security/descriptor.js';
import { missingDescriptor } from '../../src/security/descriptor-reader.js';
import { inheritDescriptor } from '../../src/security/inherit.js';
import { descriptorToSddl } from '../../src/security/sddl.js';

const text = (data: Uint8Array): string => descriptorToSddl(decodeDescriptor(data));

describe('descriptorToSddl', () => {
  it('writes what Windows writes', () => {
    expect(text(missingDescriptor())).toBe('O:BAG:BAD:(A;OICI;FA;;;WD)');
    expect(text(rootDescriptor())).toBe(
      'O:SYG:SYD:(A;;FA;;;BA)(A;OICIIO;GA;;;BA)(A;;FA;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;AU)(A;OICIIO;0xe0010000;;;AU)(A;;0x1200a9;;;BU)(A;OICIIO;0xa0000000;;;BU)',
    );
    expect(text(inheritDescriptor(rootDescriptor(), false))).toBe(
      'O:SYG:SYD:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;ID;0x1301bf;;;AU)(A;ID;0x1200a9;;;BU)',
    );
    expect(text(newSecure().sds.subarray(20, 20 + 0x68))).toBe('O:BAG:BAD:(A;;FR;;;SY)(A;;FR;;;BA)');
  });

  it('knows null lists, object types and labels', () => {
    const guid = '12345678-9abc-def0-1234-56789abcdef0';
    const data = encodeDescriptor({
      control: 0x1000,
      dacl: null,
      sacl: [
        { type: 0x11, flags: 0, mask: 1, sid: 'S-1-16-12288' },
        { type: 0x07, flags: 0x40, mask: 2, sid: 'S-1-5-7', objectType: guid },
      ],
    });
    expect(text(data)).toBe(`D:PNO_ACCESS_CONTROLS:(ML;;0x1;;;HI)(OU;SA;0x2;${guid};;AN)`);
  });
});
