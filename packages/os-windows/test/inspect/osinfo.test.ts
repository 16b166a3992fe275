import { describe, expect, it } from 'vitest';
import { osinfoId } from '../../src/inspect/osinfo.js';

describe('the short id of libosinfo', () => {
  it.each([
    [6, 0, 6002, false, 'winvista'],
    [6, 0, 6002, true, 'win2k8'],
    [6, 1, 7601, false, 'win7'],
    [6, 1, 7601, true, 'win2k8r2'],
    [6, 2, 9200, false, 'win8'],
    [6, 2, 9200, true, 'win2k12'],
    [6, 3, 9600, false, 'win8.1'],
    [6, 3, 9600, true, 'win2k12r2'],
    [10, 0, 19045, false, 'win10'],
    [10, 0, 22000, false, 'win11'],
    [10, 0, 14393, true, 'win2k16'],
    [10, 0, 17763, true, 'win2k19'],
    [10, 0, 20348, true, 'win2k22'],
    [10, 0, 26100, true, 'win2k25'],
    [5, 1, 2600, false, 'winxp'],
    [11, 0, 30000, false, undefined],
  ])('of %i.%i build %i, server %s, is %s', (major, minor, build, server, id) => {
    expect(osinfoId(major, minor, build, server)).toBe(id);
  });
});
