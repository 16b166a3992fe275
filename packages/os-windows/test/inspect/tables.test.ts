import { describe, expect, it } from 'vitest';
import { languageTag } from '../../src/inspect/languages.js';
import { ianaTimezone } from '../../src/inspect/time-zones.js';

describe('names of time zones', () => {
  it.each([
    ['W. Europe Standard Time', 'Europe/Berlin'],
    ['Eastern Standard Time', 'America/New_York'],
    ['Line Islands Standard Time', 'Pacific/Kiritimati'],
    ['UTC', 'Etc/UTC'],
    ['Nowhere Standard Time', undefined],
    [undefined, undefined],
  ])('%s is %s', (name, zone) => {
    expect(ianaTimezone(name)).toBe(zone);
    // Every zone is one that programs know.
    if (zone !== undefined) expect(() => new Intl.DateTimeFormat('en', { timeZone: zone })).not.toThrow();
  });
});

describe('language ids', () => {
  it.each([
    ['0409', 'en-US'],
    ['0407', 'de-DE'],
    ['540A', 'es-US'],
    ['00000411', 'ja-JP'],
    ['ffff', undefined],
    [undefined, undefined],
  ])('%s is %s', (id, tag) => {
    expect(languageTag(id)).toBe(tag);
    if (tag !== undefined) expect(Intl.getCanonicalLocales(tag)).toEqual([tag]);
  });
});
