import type { Application, Fact, OperatingSystem } from '../../contracts/index.js';
import { CapabilityError, UsageError } from '../../errors/index.js';
import { arg, Bool, defineAction, Mountable, type ReturnKind, type ReturnValue } from '../action.js';
import { findIcon } from '../icon.js';
import type { Session } from '../session.js';
import type { StructValue } from '../structs.js';

const root = arg('root', Mountable);
const UNKNOWN = 'unknown';

/** A system that `inspect_os` found. @throws UsageError */
function systemAt(g: Session, mountable: string): OperatingSystem {
  const found = g.inspection?.find(mountable);
  if (found !== undefined) return found;
  throw new UsageError(
    g.inspection === undefined
      ? 'no inspection data: call inspect_os first'
      : `${mountable} is not the root of a system that inspect_os found`,
    { argument: 'root' },
  );
}

/** An action that gives one fact of a system. */
function fact<const N extends string, const R extends ReturnKind>(
  name: N,
  returns: R,
  doc: string,
  read: (os: OperatingSystem) => ReturnValue<R>,
  deprecatedBy?: string,
) {
  return defineAction({
    name,
    theme: 'inspection',
    args: [root],
    returns,
    doc,
    run: (g, mountable) => read(systemAt(g, mountable)),
    ...(deprecatedBy === undefined ? {} : { deprecatedBy }),
  });
}

const text = (value: Fact<string> | undefined): string => value?.value ?? UNKNOWN;

/** A fact that only one kind of guest has, under the name of its function. @throws CapabilityError */
function extra(os: OperatingSystem, name: string): string | number | boolean {
  const found = os.extra?.[name];
  if (found !== undefined) return found.value;
  throw new CapabilityError({
    capability: name,
    subject: `${os.root} (${os.type.value})`,
    reason: 'this kind of system has no such thing',
  });
}

function application2(app: Application): StructValue<'application2'> {
  return {
    app2_name: app.name,
    app2_display_name: app.displayName ?? '',
    app2_epoch: app.epoch ?? 0,
    app2_version: app.version,
    app2_release: app.release ?? '',
    app2_arch: app.arch ?? '',
    app2_install_path: app.installPath ?? '',
    app2_trans_path: '',
    app2_publisher: app.publisher ?? '',
    app2_url: app.url ?? '',
    app2_source_package: app.sourcePackage ?? '',
    app2_summary: app.summary ?? '',
    app2_description: app.description ?? '',
    app2_class: '',
    app2_spare2: '',
    app2_spare3: '',
    app2_spare4: '',
  };
}

function application(app: Application): StructValue<'application'> {
  return {
    app_name: app.name,
    app_display_name: app.displayName ?? '',
    app_epoch: app.epoch ?? 0,
    app_version: app.version,
    app_release: app.release ?? '',
    app_install_path: app.installPath ?? '',
    app_trans_path: '',
    app_publisher: app.publisher ?? '',
    app_url: app.url ?? '',
    app_source_package: app.sourcePackage ?? '',
    app_summary: app.summary ?? '',
    app_description: app.description ?? '',
  };
}

async function applications(g: Session, mountable: string): Promise<readonly Application[]> {
  const os = systemAt(g, mountable);
  const all = (await g.inspection?.applications(os)) ?? [];
  return all.filter(({ kind }) => kind !== 'appx');
}

/** Functions that say which systems are on the disks. */
export const inspectionActions = [
  defineAction({
    name: 'inspect_os',
    theme: 'inspection',
    args: [],
    returns: 'RStringList',
    doc: 'Look for operating systems on all disks. Gives the root file system of each, in an order that is always the same; nothing needs to be mounted, and what is stays so.',
    run: async (g) => (await g.inspectAgain()).map((os) => os.root),
  }),
  defineAction({
    name: 'inspect_get_roots',
    theme: 'inspection',
    args: [],
    returns: 'RStringList',
    doc: 'What the last `inspect_os` found, without looking again.',
    run: (g) => (g.inspection?.systems ?? []).map((os) => os.root),
  }),
  fact('inspect_get_type', 'RString', 'The kind of system: `linux`, `windows`, `freebsd` …', (os) => os.type.value),
  fact('inspect_get_distro', 'RString', 'The distribution: `debian`, `fedora`, `alpinelinux` … or `unknown`.', (os) =>
    text(os.distro),
  ),
  fact('inspect_get_product_name', 'RString', 'The name of the system as it calls itself.', (os) =>
    text(os.productName),
  ),
  fact(
    'inspect_get_product_variant',
    'RString',
    'The variant of the product: `Server`, `Client` … or `unknown`.',
    (os) => text(os.productVariant),
  ),
  fact(
    'inspect_get_major_version',
    'RInt',
    'The first number of the version; 0 when unknown.',
    (os) => os.majorVersion?.value ?? 0,
  ),
  fact(
    'inspect_get_minor_version',
    'RInt',
    'The second number of the version; 0 when unknown.',
    (os) => os.minorVersion?.value ?? 0,
  ),
  fact('inspect_get_arch', 'RString', 'The processor: `x86_64`, `aarch64`, `i386` … or `unknown`.', (os) =>
    text(os.arch),
  ),
  fact('inspect_get_hostname', 'RString', 'The name of the machine, or `unknown`.', (os) => text(os.hostname)),
  fact('inspect_get_build_id', 'RString', 'The build number, or `unknown`.', (os) => text(os.buildId)),
  fact('inspect_get_osinfo', 'RString', 'The short name that libosinfo has for it, or `unknown`.', (os) =>
    text(os.osinfo),
  ),
  fact('inspect_get_package_format', 'RString', 'The format of packages: `deb`, `rpm`, `apk` … or `unknown`.', (os) =>
    text(os.packageFormat),
  ),
  fact(
    'inspect_get_package_management',
    'RString',
    'The tool that installs packages: `apt`, `dnf`, `apk` … or `unknown`.',
    (os) => text(os.packageManagement),
  ),
  fact(
    'inspect_get_mountpoints',
    'RHashtable',
    'Directories and what the system mounts on them; `/` is always there.',
    (os) => Object.fromEntries(os.mountPoints.map(({ path, mountable }) => [path, mountable])),
  ),
  fact(
    'inspect_get_filesystems',
    'RStringList',
    'Every file system and swap space that belongs to the system.',
    (os) => [...os.filesystems],
  ),
  fact(
    'inspect_get_drive_mappings',
    'RHashtable',
    'Drive letters and their devices; empty for systems that have none.',
    (os) => ({ ...os.driveMappings }),
  ),
  fact(
    'inspect_get_format',
    'RString',
    'Whether the system is installed or an installer: `installed`.',
    () => 'installed',
    '(none)',
  ),
  fact('inspect_is_live', 'RBool', 'Whether it is a live image: never, as in libguestfs.', () => false, '(none)'),
  fact(
    'inspect_is_multipart',
    'RBool',
    'Whether it is one of several install disks: never, as in libguestfs.',
    () => false,
    '(none)',
  ),
  fact(
    'inspect_is_netinst',
    'RBool',
    'Whether it is a network installer: never, as in libguestfs.',
    () => false,
    '(none)',
  ),
  fact('inspect_get_windows_systemroot', 'RString', 'The system folder of Windows, such as `/Windows`.', (os) =>
    String(extra(os, 'inspect_get_windows_systemroot')),
  ),
  fact('inspect_get_windows_current_control_set', 'RString', 'The control set that Windows uses.', (os) =>
    String(extra(os, 'inspect_get_windows_current_control_set')),
  ),
  fact('inspect_get_windows_software_hive', 'RString', 'The path of the SOFTWARE hive.', (os) =>
    String(extra(os, 'inspect_get_windows_software_hive')),
  ),
  fact('inspect_get_windows_system_hive', 'RString', 'The path of the SYSTEM hive.', (os) =>
    String(extra(os, 'inspect_get_windows_system_hive')),
  ),
  fact(
    'inspect_get_windows_group_policy',
    'RBool',
    'Whether a group policy is applied to the Windows system.',
    (os) => extra(os, 'inspect_get_windows_group_policy') === true,
  ),
  defineAction({
    name: 'inspect_list_applications2',
    theme: 'inspection',
    args: [root],
    returns: { structList: 'application2' },
    doc: 'The packages or programs that are installed.',
    run: async (g, mountable) => (await applications(g, mountable)).map(application2),
  }),
  defineAction({
    name: 'inspect_list_applications',
    theme: 'inspection',
    deprecatedBy: 'inspect_list_applications2',
    args: [root],
    returns: { structList: 'application' },
    doc: 'The packages or programs that are installed.',
    run: async (g, mountable) => (await applications(g, mountable)).map(application),
  }),
  defineAction({
    name: 'inspect_get_icon',
    theme: 'inspection',
    args: [root],
    options: { favicon: Bool, highquality: Bool },
    returns: 'RBufferOut',
    doc: 'A PNG icon of the system from its own files; no bytes when there is none. It comes from the guest: treat it as hostile.',
    run: (g, mountable, options) => findIcon(g, systemAt(g, mountable), options),
  }),
] as const;
