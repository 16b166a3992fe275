import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { MemoryView, requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { LinuxInspector } from '../src/index.js';

const data = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/data');

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly files?: readonly string[];
  readonly oracle: {
    readonly 'python3-distro'?: {
      readonly os_release: { pretty_name: string; id: string };
      readonly version_best: string;
    };
    readonly dpkg_query?: { readonly file: string; readonly packages: number };
    readonly apk?: { readonly packages: readonly string[] };
    readonly rpm?: { readonly file: string; readonly packages: number };
  };
}

/** os-release ids whose guestfs name differs. */
const NAMES: Record<string, string> = {
  alpine: 'alpinelinux',
  amzn: 'amazonlinux',
  arch: 'archlinux',
  'opensuse-leap': 'opensuse',
};

function tree(folder: string): Record<string, Uint8Array> {
  const out: Record<string, Uint8Array> = { '/usr/placeholder': new Uint8Array() };
  const walk = (path: string): void => {
    for (const name of readdirSync(path)) {
      const full = join(path, name);
      if (statSync(full).isDirectory()) walk(full);
      else out[`/${relative(folder, full)}`] = readFileSync(full);
    }
  };
  walk(folder);
  return out;
}

async function inspect(files: Record<string, Uint8Array | string>) {
  const view = new MemoryView({ '/dev/sda1': files });
  const inspector = new LinuxInspector();
  const os = await inspector.inspect(view, '/dev/sda1');
  return { os, applications: os === undefined ? [] : await inspector.applications(view, os) };
}

describe.runIf(requireTools(`data:${join(data, 'manifest.json')}`))(
  'release files and package databases of real systems',
  () => {
    const manifest = (): Entry[] => JSON.parse(readFileSync(join(data, 'manifest.json'), 'utf8'));

    it('names every distribution as its own release file does', async () => {
      const roots = manifest().filter((e) => e.kind === 'osroot');
      expect(roots.length).toBeGreaterThan(5);
      for (const { name, oracle } of roots) {
        const facts = oracle['python3-distro'] as NonNullable<Entry['oracle']['python3-distro']>;
        const { os } = await inspect(tree(join(data, name)));
        expect(os?.productName?.value, name).toBe(facts.os_release.pretty_name);
        expect(os?.distro?.value, name).toBe(NAMES[facts.os_release.id] ?? facts.os_release.id);
        const [major, minor] = facts.version_best.split('.').map(Number);
        expect(os?.majorVersion?.value, name).toBe(facts.version_best === '' ? undefined : major);
        if (facts.version_best !== '') expect(os?.minorVersion?.value, name).toBe(minor ?? 0);
      }
    });

    it('lists what dpkg-query lists', async () => {
      const oracle = manifest().find((e) => e.oracle?.dpkg_query !== undefined)?.oracle.dpkg_query;
      const status = gunzipSync(readFileSync(join(data, 'os/dpkg/trivy-status.gz')));
      const { applications } = await inspect({
        '/etc/os-release': 'ID=debian\n',
        '/usr/x': '',
        '/var/lib/dpkg/status': status,
      });
      // A package of which only configuration files are left ("rc") is in the database but not installed.
      const rows = readFileSync(join(data, oracle?.file ?? ''), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      const installed = rows
        .filter(([, , , state]) => state?.startsWith('ii'))
        .map(([name, version, arch]) => `${name} ${version} ${arch}`);
      expect(installed.length).toBeGreaterThan(80);
      const found = applications.map((app) => {
        const epoch = app.epoch === undefined ? '' : `${app.epoch}:`;
        return `${app.name} ${epoch}${app.version}${app.release === undefined ? '' : `-${app.release}`} ${app.arch}`;
      });
      expect(found.sort()).toEqual(installed.sort());
    });

    it('lists what apk lists', async () => {
      const oracle = manifest().find((e) => e.oracle?.apk !== undefined)?.oracle.apk;
      const installed = readFileSync(join(data, 'os/apk/trivy-installed'));
      const { applications } = await inspect({
        '/etc/os-release': 'ID=alpine\nVERSION_ID=3.4\n',
        '/lib/apk/db/installed': installed,
      });
      expect(
        applications?.map((a) => `${a.name} ${a.version}${a.release === undefined ? '' : `-${a.release}`}`),
      ).toEqual(oracle?.packages);
    });

    it('lists what rpm lists, from each of its databases', async () => {
      const databases = manifest().filter((e) => e.oracle?.rpm !== undefined);
      expect(databases.map((e) => e.name.split('/').at(-1)).sort()).toEqual(['Packages', 'rpmdb.sqlite']);
      for (const { name, oracle } of databases) {
        const file = gunzipSync(readFileSync(join(data, `${name}.gz`)));
        const { applications } = await inspect({
          '/etc/os-release': 'ID=fedora\nVERSION_ID=38\n',
          '/usr/x': '',
          [`/var/lib/rpm/${name.split('/').at(-1)}`]: file,
        });
        const listed = readFileSync(join(data, oracle.rpm?.file ?? ''), 'utf8')
          .trim()
          .split('\n');
        const rows = applications.map((a) => [a.name, a.epoch ?? 0, a.version, a.release, a.arch].join('\t'));
        expect(rows.sort(), name).toEqual(listed.filter((line) => !line.startsWith('gpg-pubkey')).sort());
        expect(rows.length).toBeGreaterThan(0);
      }
    });
  },
);
