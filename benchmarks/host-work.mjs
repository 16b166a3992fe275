// Reading a file by way of a kernel: attach an image to the host, mount it, read, and take everything down.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from './host.mjs';
import { KernelMount } from './kernel-mount.mjs';
import { host, summarize } from './sampler.mjs';

const MiB = 1 << 20;
const FILE = 'hostname';
const TEXT = 'benchmark\n';
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const cli = at('../packages/vmcraft/dist/bundle/cli.js');

/** A qcow2 with XFS, which only a kernel writes. Undefined where this host cannot make or attach it. */
export function hostImage(folder) {
  const tools = ['mkfs.xfs', 'qemu-storage-daemon', 'python3', 'unshare'];
  if (process.getuid?.() !== 0 || tools.some((tool) => findTool(tool) === undefined)) return undefined;
  const raw = join(folder, 'host.raw');
  writeFileSync(raw, '');
  truncateSync(raw, 512 * MiB);
  host('mkfs.xfs', '-q', raw);
  const mount = new KernelMount(folder, raw, 'rw', 'xfs');
  try {
    mount.mount();
    writeFileSync(join(mount.folder, FILE), TEXT);
  } finally {
    mount.close();
  }
  const image = join(folder, 'host.qcow2');
  host('qemu-img', 'convert', '-O', 'qcow2', raw, image);
  return image;
}

/** On this host; the first is VMCraft. */
export function attachContestants(image, guestfish) {
  const check = ({ text }) => {
    if (text.trim() !== TEXT.trim()) throw new Error(`expected ${TEXT}, got ${text}`);
  };
  return [
    {
      name: 'vmcraft',
      argv: [process.execPath, cli, 'cat', '-a', image, '-m', '/dev/sda', '--backend', 'host', `/${FILE}`],
      check,
    },
    { name: 'qemu-storage-daemon and mount', argv: ['bash', at('jobs/fuse-mount.sh'), image, FILE], check },
    ...guestfish('-a', image, '-m', '/dev/sda', 'cat', `/${FILE}`).map((c) => ({ ...c, check })),
  ];
}

/** In a virtual machine, whose kernel has nbd. Undefined where none can be booted. */
export function attachInVm(image, samples) {
  const tools = ['qemu-system-x86_64', 'qemu-nbd', 'busybox', 'cpio', 'modprobe'];
  if (tools.some((tool) => findTool(tool) === undefined)) return undefined;
  const args = [samples, image, FILE, process.execPath, cli, at('jobs/nbd-mount.sh')].map(String);
  const output = join(dirname(image), 'in-vm');
  // A file: Node's pipes are sockets, which qemu does not take for the output of a character device.
  const words = [at('../test/vm/run-in-vm.sh'), '-M', 'xfs', '-m', '2048', 'bash', at('jobs/in-turns.sh'), ...args];
  host(
    'bash',
    '-c',
    'out=$1; shift; "$@" > "$out" 2> "$out.errors" || { cat "$out.errors" >&2; exit 1; }',
    'bash',
    output,
    ...words,
  );
  const text = readFileSync(output, 'utf8');
  const results = new Map();
  for (const line of text.trim().split('\n')) {
    const [name, ...seconds] = line.split(' ');
    const [wall, user, system] = seconds.map((s) => Number(s) * 1000);
    const sample = { wall, cpu: user + system, first: wall, rss: undefined };
    results.set(name, [...(results.get(name) ?? []), sample]);
  }
  return new Map([...results].map(([name, list]) => [name, summarize(list)]));
}
