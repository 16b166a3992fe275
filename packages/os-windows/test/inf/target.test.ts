import { describe, expect, it } from 'vitest';
import { type InfTarget, parseTargetOsVersion, selectDecoration } from '../../src/inf/index.js';

const WIN7_X86: InfTarget = { architecture: 'x86', major: 6, minor: 1, build: 7601, productType: 1 };
const WIN10: InfTarget = { architecture: 'amd64', major: 10, minor: 0, build: 19045, productType: 1 };
const SERVER: InfTarget = { architecture: 'amd64', major: 6, minor: 3, build: 9600, productType: 3 };

function chosen(target: InfTarget, ...texts: string[]): string | undefined {
  return selectDecoration(
    texts.map((text) => parseTargetOsVersion(text)!),
    target,
  )?.text;
}

describe('TargetOSVersion decorations', () => {
  it('reads every field', () => {
    expect(parseTargetOsVersion('NTamd64.10.0...16299')).toEqual({
      text: 'NTamd64.10.0...16299',
      architecture: 'amd64',
      major: 10,
      minor: 0,
      build: 16299,
    });
    expect(parseTargetOsVersion('ntx86.5.1.0x2.0x80')).toEqual({
      text: 'ntx86.5.1.0x2.0x80',
      architecture: 'x86',
      major: 5,
      minor: 1,
      productType: 2,
      suiteMask: 0x80,
    });
    expect(parseTargetOsVersion('NT')).toEqual({ text: 'NT' });
    expect(parseTargetOsVersion('x86')).toBeUndefined();
    expect(parseTargetOsVersion('NTmips')).toBeUndefined();
  });

  it('takes the highest version that is not above the system', () => {
    expect(chosen(WIN7_X86, 'NTx86', 'NTx86.6.0', 'NTx86.6.1', 'NTx86.6.2')).toBe('NTx86.6.1');
    expect(chosen(WIN7_X86, 'NTx86.6.2', 'NTamd64')).toBeUndefined();
    expect(chosen(WIN7_X86, 'NTx86.6.0', 'NT.6.1')).toBe('NT.6.1');
  });

  it('takes the highest build that is not above the system, and none before builds were known', () => {
    expect(chosen(WIN10, 'NTamd64', 'NTamd64.10.0...16299', 'NTamd64.10.0...19041', 'NTamd64.10.0...22000')).toBe(
      'NTamd64.10.0...19041',
    );
    expect(chosen({ ...WIN10, build: 10240 }, 'NTamd64.10.0...10240', 'NTamd64')).toBe('NTamd64');
  });

  it('prefers what names the product type or the suite', () => {
    expect(chosen(SERVER, 'NTamd64.6.3', 'NTamd64.6.3.3', 'NTamd64.6.3.1')).toBe('NTamd64.6.3.3');
    expect(chosen(SERVER, 'NTamd64.6.3..0x80', 'NTamd64.6.3')).toBe('NTamd64.6.3');
    expect(chosen({ ...SERVER, suiteMask: 0x90 }, 'NTamd64.6.3..0x80', 'NTamd64.6.3')).toBe('NTamd64.6.3..0x80');
    expect(chosen(WIN10, 'NT.10.0', 'NTamd64.10.0')).toBe('NTamd64.10.0');
  });
});
