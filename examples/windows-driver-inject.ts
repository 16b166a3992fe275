/**
 * Give a Windows guest the drivers that it needs to boot from virtio, and prove that it will.
 *
 *     node windows-driver-inject.js windows.qcow2 drivers
 *
 * `drivers` has a folder for each of viostor, NetKVM and vioscsi, with the files for the guest's version and processor.
 */
import { GuestFS } from 'vmcraft';

const [disk = 'windows.qcow2', drivers = 'drivers'] = process.argv.slice(2);

// One transaction: when anything fails, the disk stays as it was.
await GuestFS.with(disk, async (g) => {
  await g.mountRoot();
  for (const name of ['viostor', 'NetKVM', 'vioscsi']) {
    const { packages, files, warnings } = await g.injectDriver(`${drivers}/${name}`);
    for (const { inf, version, publishedInf } of packages) {
      console.log(`${inf} ${version} is ${publishedInf}, ${files.length} files`);
    }
    for (const warning of warnings) console.log(`warning: ${warning}`);
  }
  await g.registryWrite('SYSTEM', 'ControlSet001\\Services\\viostor', 'Start', 0, { type: 'dword' });
  for (const { bus, bootable, devices } of (await g.verifyDrivers()).buses) {
    const problems = devices.flatMap((device) => device.problems);
    console.log(`${bus}: ${bootable ? 'boots' : problems.join('; ')}`);
  }
});
