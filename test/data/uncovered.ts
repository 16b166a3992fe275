/** Entries that no test here opens, and why. */
export const UNCOVERED: readonly { readonly reason: string; readonly names: readonly string[] }[] = [
  {
    reason: 'release files without a disk: packages/os-linux/test/real-data.test.ts inspects them',
    names: [
      'os/distro/alpine',
      'os/distro/amazon2016',
      'os/distro/arch',
      'os/distro/centos7',
      'os/distro/debian10',
      'os/distro/fedora30',
      'os/distro/opensuse15',
      'os/distro/rhel7',
      'os/distro/slackware14',
      'os/distro/ubuntu16',
    ],
  },
  {
    reason: 'package databases without a disk: packages/os-linux/test/real-data.test.ts reads them',
    names: [
      'os/dpkg/trivy-status',
      'os/apk/trivy-installed',
      'os/rpmdb/libuuid/Packages',
      'os/rpmdb/amazonlinux2023-plain/rpmdb.sqlite',
    ],
  },
  {
    reason: 'registry hives without a disk: packages/format-regf/test/real-data.test.ts and recovery.test.ts read them',
    names: [
      'hive/dissect-SYSTEM',
      'hive/libguestfs-windows-software',
      'hive/libguestfs-windows-system',
      'hive/hivex-minimal',
      'hive/hivex-rlenvalue_test_hive',
      'hive/hivex-special',
      'hive/nthive-testhive',
      'hive/dirty/NewDirtyHive1/NewDirtyHive',
      'hive/dirty/NewDirtyHive1/NewDirtyHive.LOG1',
      'hive/dirty/NewDirtyHive1/NewDirtyHive.LOG2',
      'hive/dirty/NewDirtyHive1/RecoveredHive_Windows10',
    ],
  },
  {
    reason: 'files of a driver package without a disk: packages/os-windows/test/inf and test/catalog read them',
    names: ['driver/qemufwcfg/qemufwcfg.inf', 'driver/qemufwcfg/qemufwcfg.cat'],
  },
  { reason: 'the key of a LUKS volume, no image', names: ['luks/luks1-images/keyfile1'] },
];
