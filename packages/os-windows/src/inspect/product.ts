import type { Fact } from '@vmcraft/core';
import type { HiveReader } from './hive-reader.js';

/** First build that is called Windows 11, although its registry says 10. */
const WINDOWS_11_BUILD = 22000;

/** What SOFTWARE says of the product. */
export interface Product {
  readonly name?: Fact<string>;
  /** `Client`, `Server` or `Server Core`. */
  readonly variant?: Fact<string>;
  readonly edition?: Fact<string>;
  readonly major?: Fact<number>;
  readonly minor?: Fact<number>;
  readonly build?: Fact<string>;
  readonly revision?: Fact<number>;
  readonly displayVersion?: Fact<string>;
  readonly servicePack?: Fact<string>;
  /** ISO 8601. */
  readonly installed?: Fact<string>;
  readonly owner?: Fact<string>;
  readonly organization?: Fact<string>;
}

const KEY = 'Microsoft\\Windows NT\\CurrentVersion';

/** Read the product from SOFTWARE. */
export async function readProduct(software: HiveReader): Promise<Product> {
  const version = (await software.text(KEY, 'CurrentVersion'))?.value;
  const old = /^(\d+)\.(\d+)/.exec(version ?? '');
  const fallback = (i: number): Fact<number> | undefined => (old === null ? undefined : software.fact(Number(old[i])));
  const build = (await software.text(KEY, 'CurrentBuild')) ?? (await software.text(KEY, 'CurrentBuildNumber'));
  const variant = await software.text(KEY, 'InstallationType');
  const name = await software.text(KEY, 'ProductName');
  const installed = await software.number(KEY, 'InstallDate');
  return present({
    name: name === undefined ? undefined : software.fact(trueName(name.value, build?.value, variant?.value)),
    variant,
    edition: await software.text(KEY, 'EditionID'),
    major: (await software.number(KEY, 'CurrentMajorVersionNumber')) ?? fallback(1),
    minor: (await software.number(KEY, 'CurrentMinorVersionNumber')) ?? fallback(2),
    build,
    revision: await software.number(KEY, 'UBR'),
    displayVersion: (await software.text(KEY, 'DisplayVersion')) ?? (await software.text(KEY, 'ReleaseId')),
    servicePack: await software.text(KEY, 'CSDVersion'),
    installed: installed === undefined ? undefined : software.fact(new Date(installed.value * 1000).toISOString()),
    owner: await software.text(KEY, 'RegisteredOwner'),
    organization: await software.text(KEY, 'RegisteredOrganization'),
  });
}

/** Windows 11 still calls itself 10 in the registry. */
function trueName(name: string, build: string | undefined, variant: string | undefined): string {
  const isEleven = Number(build) >= WINDOWS_11_BUILD && (variant ?? 'Client') === 'Client';
  return isEleven ? name.replace(/^((?:Microsoft )?Windows) 10\b/, '$1 11') : name;
}

/** `10.0.19045.4291`, as far as it is known. */
export function versionText({ major, minor, build, revision }: Product): string | undefined {
  if (major === undefined || minor === undefined) return undefined;
  const parts = [major.value, minor.value];
  const number = Number(build?.value);
  if (Number.isInteger(number) && number > 0) parts.push(number);
  if (parts.length === 3 && revision !== undefined) parts.push(revision.value);
  return parts.join('.');
}

/** The object without what is undefined. */
export function present<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
