import type { Fact, FileTree } from '@vmcraft/core';
import { parseEnvFile } from './env-file.js';
import { fact } from './release.js';

async function firstLine(tree: FileTree, source: string): Promise<Fact<string> | undefined> {
  const line = (await tree.lines(source))?.map((l) => l.trim()).find((l) => l !== '' && !l.startsWith('#'));
  return fact(line, source);
}

async function variable(tree: FileTree, source: string, names: readonly string[]): Promise<Fact<string> | undefined> {
  const values = parseEnvFile((await tree.lines(source)) ?? []);
  for (const name of names) {
    const value = values.get(name);
    if (value !== undefined && value !== '') return { value, source };
  }
  return undefined;
}

async function firstOf(
  readers: readonly (() => Promise<Fact<string> | undefined>)[],
): Promise<Fact<string> | undefined> {
  for (const reader of readers) {
    const found = await reader();
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The host name: hostname(5), then where distributions kept it before. */
export function readHostname(tree: FileTree): Promise<Fact<string> | undefined> {
  return firstOf([
    () => firstLine(tree, '/etc/hostname'),
    () => firstLine(tree, '/etc/HOSTNAME'),
    () => variable(tree, '/etc/sysconfig/network', ['HOSTNAME']),
    () => variable(tree, '/etc/conf.d/hostname', ['hostname', 'HOSTNAME']),
  ]);
}

/** The time zone's name in the tz database: the link of localtime(5), then the files of Debian, Red Hat and SUSE. */
export function readTimezone(tree: FileTree): Promise<Fact<string> | undefined> {
  return firstOf([
    async () => {
      const target = await tree.readlink('/etc/localtime');
      return fact(/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(target ?? '')?.[1], '/etc/localtime');
    },
    () => firstLine(tree, '/etc/timezone'),
    () => variable(tree, '/etc/sysconfig/clock', ['ZONE', 'TIMEZONE']),
    () => variable(tree, '/etc/conf.d/clock', ['TIMEZONE']),
  ]);
}

/** The system locale: locale.conf(5), then the files of Debian, Red Hat and SUSE. */
export function readLocale(tree: FileTree): Promise<Fact<string> | undefined> {
  return firstOf([
    () => variable(tree, '/etc/locale.conf', ['LANG', 'LC_ALL']),
    () => variable(tree, '/etc/default/locale', ['LANG', 'LC_ALL']),
    () => variable(tree, '/etc/sysconfig/i18n', ['LANG']),
    () => variable(tree, '/etc/sysconfig/language', ['RC_LANG']),
    () => variable(tree, '/etc/profile.d/locale.sh', ['LANG']),
  ]);
}

/** Programs and files that give an init system away, strongest first. */
const INIT_MARKS: readonly (readonly [path: string, name: string])[] = [
  ['/usr/lib/systemd/systemd', 'systemd'],
  ['/lib/systemd/systemd', 'systemd'],
  ['/sbin/openrc-init', 'openrc'],
  ['/etc/runlevels', 'openrc'],
  ['/sbin/runit-init', 'runit'],
  ['/etc/runit/1', 'runit'],
  ['/sbin/initctl', 'upstart'],
  ['/etc/inittab', 'sysvinit'],
];

/** The init system: what /sbin/init links to decides where several are installed. */
export async function readInitSystem(tree: FileTree): Promise<Fact<string> | undefined> {
  const link = (await tree.readlink('/sbin/init')) ?? (await tree.readlink('/usr/sbin/init'));
  for (const name of ['systemd', 'openrc', 'runit', 'upstart', 'busybox']) {
    if (link?.includes(name) === true) return { value: name, source: '/sbin/init' };
  }
  for (const [source, value] of INIT_MARKS) if (await tree.exists(source)) return { value, source };
  return undefined;
}
