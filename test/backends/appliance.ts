import { requireTools } from '@vmcraft/testkit';

// Machines that run tests have no usable KVM: the appliance is emulated, and needs no libvirt.
process.env.LIBGUESTFS_BACKEND = 'direct';
process.env.LIBGUESTFS_BACKEND_SETTINGS = 'force_tcg';

/** Whether the appliance of libguestfs can be started here. */
export const hasAppliance = (...more: string[]): boolean =>
  requireTools('guestfish', 'qemu-system-x86_64', 'perl', ...more);

/** Starting it takes 10 s on an idle machine, and much more on a busy one. */
export const APPLIANCE_TIME = 400_000;
