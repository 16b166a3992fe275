import { XMLBuilder } from 'fast-xml-parser';
import type { InspectedSystem, InspectionReport } from './report.js';

/** Characters XML 1.0 (fifth edition, 2.2) does not allow; guest text may hold any. */
const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const clean = (value: string | number | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : String(value).replace(FORBIDDEN, '\ufffd');

/** The report in the form of virt-inspector(1), "XML FORMAT". */
export function renderXml(report: InspectionReport): string {
  const builder = new XMLBuilder({ format: true, ignoreAttributes: false, suppressEmptyNode: false });
  const body = { operatingsystems: { operatingsystem: report.operatingSystems.map(system) } };
  return `<?xml version="1.0"?>\n${builder.build(pruned(body))}`;
}

function system(os: InspectedSystem): object {
  return {
    root: os.root,
    name: clean(os.type.value),
    arch: clean(os.arch?.value),
    distro: clean(os.distro?.value),
    product_name: clean(os.productName?.value),
    product_variant: clean(os.productVariant?.value),
    major_version: clean(os.majorVersion?.value),
    minor_version: clean(os.minorVersion?.value),
    package_format: clean(os.packageFormat?.value),
    package_management: clean(os.packageManagement?.value),
    windows_systemroot: clean(os.extra?.inspect_get_windows_systemroot?.value as string | undefined),
    windows_current_control_set: clean(os.extra?.inspect_get_windows_current_control_set?.value as string | undefined),
    hostname: clean(os.hostname?.value),
    build_id: clean(os.buildId?.value),
    osinfo: clean(os.osinfo?.value),
    mountpoints: { mountpoint: os.mountPoints.map((m) => ({ '@_dev': clean(m.device), '#text': clean(m.path) })) },
    filesystems: { filesystem: os.filesystems.map(filesystem) },
    drive_mappings: driveMappings(os),
    applications: applications(os),
  };
}

function filesystem(fs: InspectedSystem['filesystems'][number]): object {
  return { '@_dev': clean(fs.device), type: clean(fs.type), label: clean(fs.label), uuid: clean(fs.uuid) };
}

function driveMappings(os: InspectedSystem): object | undefined {
  const entries = Object.entries(os.driveMappings ?? {});
  return entries.length === 0
    ? undefined
    : { drive_mapping: entries.map(([name, device]) => ({ '@_name': name, '#text': device })) };
}

/** Without what virt-inspector does not list. */
function applications(os: InspectedSystem): object | undefined {
  const listed = os.applications?.filter(({ kind }) => kind !== 'appx');
  return listed === undefined ? undefined : { application: listed.map(application) };
}

function application(app: NonNullable<InspectedSystem['applications']>[number]): object {
  return {
    name: clean(app.name),
    display_name: clean(app.displayName),
    epoch: app.epoch === 0 ? undefined : clean(app.epoch),
    version: clean(app.version),
    release: clean(app.release),
    arch: clean(app.arch),
    install_path: clean(app.installPath),
    publisher: clean(app.publisher),
    url: clean(app.url),
    source_package: clean(app.sourcePackage),
    summary: clean(app.summary),
    description: clean(app.description),
  };
}

/** Without the keys that have no value, which the builder would write as empty elements. */
function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, pruned(v)]])));
}
