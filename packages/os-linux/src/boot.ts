import type { Fact, FileTree, KernelInfo } from '@vmcraft/core';

/** Image names in /boot up to the version. */
const KERNEL_NAME = /^(?:vmlinuz|vmlinux|kernel|bzImage|Image|kernel-genkernel-[^-]+)-(.+)$/;
/** Images that carry no version in their name: Arch, Alpine. */
const FLAVOUR_NAME = /^vmlinuz(?:-(linux(?:-[a-z]+)*|lts|virt|edge|hardened|grsec))?$/;

const INITRD_NAMES = (version: string): readonly string[] => [
  `initrd.img-${version}`,
  `initramfs-${version}.img`,
  `initrd-${version}`,
  `initrd-${version}.img`,
  `initramfs-${version}`,
  `initramfs-genkernel-${version}`,
];

/** Kernels in /boot with their initial RAM disks, sorted by file name. */
export async function readKernels(tree: FileTree): Promise<readonly KernelInfo[]> {
  const names = await tree.list('/boot');
  const present = new Set(names);
  const modules = await moduleVersions(tree);
  const kernels: KernelInfo[] = [];
  for (const name of names) {
    const kernel = describeKernel(name, present, modules);
    if (kernel !== undefined && (await tree.isFile(kernel.path))) kernels.push(kernel);
  }
  return kernels;
}

function describeKernel(
  name: string,
  present: ReadonlySet<string>,
  modules: readonly string[],
): KernelInfo | undefined {
  const flavour = FLAVOUR_NAME.exec(name);
  const version = flavour === null ? KERNEL_NAME.exec(name)?.[1] : undefined;
  if (flavour === null && version === undefined) return undefined;
  const key = version ?? flavour?.[1] ?? '';
  const initrd = [...INITRD_NAMES(key), 'initramfs.img', 'initrd.img'].find((n) => present.has(n));
  const withFlavour = modules.find((m) => key !== '' && m.includes(key.replace(/^linux-?/, ''))) ?? modules[0];
  return {
    version: version ?? withFlavour ?? key,
    path: `/boot/${name}`,
    ...(initrd === undefined ? {} : { initrd: `/boot/${initrd}` }),
  };
}

async function moduleVersions(tree: FileTree): Promise<readonly string[]> {
  const names = (await tree.exists('/lib/modules'))
    ? await tree.list('/lib/modules')
    : await tree.list('/usr/lib/modules');
  return names.filter((n) => /^\d/.test(n));
}

/** Configuration files that only their own boot loader has. */
const LOADERS: readonly (readonly [path: string, name: string])[] = [
  ['/boot/grub2/grub.cfg', 'grub2'],
  ['/boot/grub/grub.cfg', 'grub2'],
  ['/boot/grub/menu.lst', 'grub1'],
  ['/boot/grub/grub.conf', 'grub1'],
  ['/boot/loader/loader.conf', 'systemd-boot'],
  ['/boot/efi/loader/loader.conf', 'systemd-boot'],
  ['/efi/loader/loader.conf', 'systemd-boot'],
  ['/boot/extlinux/extlinux.conf', 'extlinux'],
  ['/boot/extlinux.conf', 'extlinux'],
  ['/boot/syslinux/syslinux.cfg', 'syslinux'],
  ['/boot/limine.conf', 'limine'],
  ['/etc/lilo.conf', 'lilo'],
  ['/etc/elilo.conf', 'elilo'],
];

/** The boot loader, by its configuration. */
export async function readBootloader(tree: FileTree): Promise<Fact<string> | undefined> {
  for (const [source, value] of LOADERS) if (await tree.isFile(source)) return { value, source };
  for (const name of await tree.list('/boot/efi/EFI')) {
    const source = `/boot/efi/EFI/${name}/grub.cfg`;
    if (await tree.isFile(source)) return { value: 'grub2', source };
  }
  return undefined;
}
