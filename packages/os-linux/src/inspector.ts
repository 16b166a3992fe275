import type { Application, FileTree, GuestView, OperatingSystem, OsInspector } from '@vmcraft/core';
import { readUsers } from './accounts.js';
import { readArchitecture } from './architecture.js';
import { readBootloader, readKernels } from './boot.js';
import { type DistroFacts, distroFacts, factsFromDatabase } from './distro.js';
import { type MountPlan, openable, planMounts } from './mounts.js';
import { osinfoId } from './osinfo.js';
import { readApk } from './packages-apk.js';
import { readDpkg } from './packages-dpkg.js';
import { readPacman } from './packages-pacman.js';
import { readRpm } from './packages-rpm.js';
import { fact, type Release, readRelease, splitVersion } from './release.js';
import { readHostname, readInitSystem, readLocale, readTimezone } from './settings.js';

/** Folders of which a root file system has at least one beside /etc. */
const ROOT_FOLDERS = ['/bin', '/usr', '/sbin', '/lib', '/home', '/root'];
/** Anything below /etc that makes a folder of that name a system's. */
const ROOT_FILES = [
  '/etc/fstab',
  '/etc/os-release',
  '/usr/lib/os-release',
  '/etc/passwd',
  '/etc/debian_version',
  '/etc/redhat-release',
];

/** Package databases by format. */
const PACKAGE_READERS: Readonly<Record<string, (tree: FileTree) => Promise<readonly Application[]>>> = {
  apk: readApk,
  deb: readDpkg,
  pacman: readPacman,
  rpm: readRpm,
};

/** Says which Linux distribution a root file system holds, and where everything that it says was found. */
export class LinuxInspector implements OsInspector {
  readonly name = 'linux';

  async inspect(view: GuestView, root: string): Promise<OperatingSystem | undefined> {
    const bare = await view.tree(root);
    if (!(await isLinuxRoot(bare))) return undefined;
    const plan = await planMounts(view, bare, root);
    const tree = await view.mountedTree(openable(view, plan));
    const release = await readRelease(tree);
    if (release === undefined && !(await tree.exists('/etc/fstab'))) return undefined;
    return describe(view, tree, root, plan, release);
  }

  async applications(view: GuestView, os: OperatingSystem): Promise<readonly Application[]> {
    const reader = PACKAGE_READERS[os.packageFormat?.value ?? ''];
    if (reader === undefined) return [];
    const tree = await view.mountedTree(openable(view, { mountPoints: os.mountPoints, swaps: [], warnings: [] }));
    return reader(tree);
  }
}

async function isLinuxRoot(tree: FileTree): Promise<boolean> {
  if (!(await tree.isDir('/etc'))) return false;
  const folders = await Promise.all(ROOT_FOLDERS.map((f) => tree.exists(f)));
  const files = await Promise.all(ROOT_FILES.map((f) => tree.exists(f)));
  return folders.includes(true) && files.includes(true);
}

async function describe(
  view: GuestView,
  tree: FileTree,
  root: string,
  plan: MountPlan,
  release: Release | undefined,
): Promise<OperatingSystem> {
  const source = release?.source ?? '/etc/fstab';
  const { major, minor } = splitVersion(release?.versionText);
  const packages = await packageFacts(tree, release, major);
  const seen = new Set([root, ...plan.mountPoints.map((m) => m.mountable), ...plan.swaps]);
  const known = view.filesystems.map((f) => f.mountable);
  const os: OperatingSystem = {
    root,
    type: { value: 'linux', source },
    distro: fact(release?.distro, source),
    productName: fact(release?.productName, source),
    productVariant: fact(release?.variant, source),
    majorVersion: fact(major, source),
    minorVersion: fact(minor, source),
    versionText: fact(release?.versionText, source),
    codename: fact(release?.codename, source),
    buildId: fact(release?.buildId, source),
    osinfo: fact(
      osinfoId(release?.distro ?? '', major, minor, release?.variant ?? release?.productName?.toLowerCase()),
      source,
    ),
    packageFormat: fact(packages.packageFormat, packages.source ?? source),
    packageManagement: fact(packages.packageManagement, packages.source ?? source),
    arch: await readArchitecture(tree),
    hostname: await readHostname(tree),
    timezone: await readTimezone(tree),
    locale: await readLocale(tree),
    initSystem: await readInitSystem(tree),
    bootloader: await readBootloader(tree),
    kernels: await readKernels(tree),
    users: await readUsers(tree),
    mountPoints: plan.mountPoints,
    filesystems: [...known.filter((m) => seen.has(m)), ...[...seen].filter((m) => !known.includes(m))],
    warnings: plan.warnings,
  };
  return Object.fromEntries(
    Object.entries(os).filter(([, value]) => value !== undefined),
  ) as unknown as OperatingSystem;
}

async function packageFacts(
  tree: FileTree,
  release: Release | undefined,
  major: number | undefined,
): Promise<DistroFacts & { readonly source?: string }> {
  const byName = distroFacts(release?.distro ?? '', major);
  return byName.packageFormat === undefined ? ((await factsFromDatabase(tree)) ?? {}) : byName;
}
