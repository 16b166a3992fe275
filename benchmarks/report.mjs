// Turns measurements into docs/benchmarks.md.
import { WORK } from './fixtures.mjs';

const MB = 1e6;
const ms = (value) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(0)} ms`);
const times = (value) => (value >= 10 ? `${value.toFixed(0)}×` : `${value.toFixed(2)}×`);
const cell = (range) => `${ms(range.min)} (${ms(range.median)})`;
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** Every measurement of a comparison, and how much faster VMCraft (the first) was. */
function details(title, results, key = 'wall') {
  const [[, ours]] = results;
  const rows = [...results].map(([name, r]) => [
    name,
    cell(r[key]),
    cell(r.cpu),
    r.rss === undefined ? 'not measured' : `${r.rss.toFixed(0)} MiB`,
    r === ours ? '' : times(r[key].min / ours[key].min),
    r === ours ? '' : times(r.cpu.min / Math.max(ours.cpu.min, 1)),
  ]);
  const what = key === 'first' ? 'first byte' : 'wall time';
  const head = ['', what, 'processor time', 'peak memory', `${what} ÷ VMCraft's`, "processor time ÷ VMCraft's"];
  return `### ${title}\n\n${table(head, rows)}\n`;
}

const verdict = (met, why) => (met ? 'met' : `**missed**: ${why}`);
/** A kernel mount is measured twice: fresh, which the verdict goes by, and with everything in the kernel's caches. */
const mountVerdict = (fresh, cached, target, why) =>
  fresh >= target && cached < target
    ? "met on a fresh mount; not against the kernel's own caches"
    : verdict(fresh >= target, why);
const absent = 'not measured: needs root for a kernel mount';

function startRow({ start }) {
  const [ours, node, theirs] = ['vmcraft', 'node', 'guestfish'].map((name) => start.get(name));
  const ratio = theirs === undefined ? undefined : theirs.first.min / ours.first.min;
  const fast = ours.first.min < 150;
  const why = `Node itself takes ${ms(node.first.min)} of it here (processor time ${ms(node.cpu.min)} of ${ms(ours.cpu.min)})`;
  return [
    'CLI start → first byte of a file on a 4 GiB ext4 qcow2',
    '< 150 ms, and ≥ 20× faster than guestfish',
    `${ms(ours.first.min)}; ${ratio === undefined ? 'no guestfish here' : `${times(ratio)} faster than guestfish`}`,
    `time ${verdict(fast, why)}; ratio ${ratio === undefined ? 'not measured' : verdict(ratio >= 20, '')}`,
  ];
}

function inspectRow(results) {
  const guest = results.debian ?? results.sample;
  const ours = guest.get('vmcraft');
  const node = results.start.get('node');
  return [
    `inspection of a Linux guest, warm (${results.debian === undefined ? 'the sample guest' : 'a Debian 12 guest'}; the whole command)`,
    '< 300 ms',
    ms(ours.wall.min),
    verdict(ours.wall.min < 300, `Node itself takes ${ms(node.wall.min)} of it here, most of the rest is loading code`),
  ];
}

function walkRow({ walk }) {
  const [ours, find] = [walk.get('vmcraft'), walk.get('find')];
  if (find === undefined) return ['walk + stat', '', absent, ''];
  const ratio = find.wall.min / ours.wall.min;
  const cached = walk.get('find, cached').wall.min / ours.wall.min;
  return [
    'walk + stat of 100 000 files on ext4 (start of Node included)',
    'not slower than `find -printf` on a kernel mount',
    `${times(ratio)} as fast as on a fresh mount; ${times(cached)} where the kernel has all inodes cached`,
    mountVerdict(ratio, cached, 1, `processor time of ours is ${ms(ours.cpu.min)}, of find ${ms(find.cpu.min)}`),
  ];
}

function readRows({ read }) {
  const cat = read.get('cat');
  const row = (name, target) => {
    if (cat === undefined) return [`sequential read: ${name}`, `≥ ${target}× of \`cat\``, absent, ''];
    const ours = read.get(`vmcraft cat, ${name}`);
    const ratio = cat.wall.min / ours.wall.min;
    const cached = read.get('cat, cached').wall.min / ours.wall.min;
    return [
      `sequential read of 1 GiB: ${name} (start of Node included)`,
      `≥ ${target}× of \`cat\` through a kernel mount`,
      `${times(ratio)} of a fresh mount; ${times(cached)} where the kernel has the whole file cached`,
      mountVerdict(
        ratio,
        cached,
        target,
        `processor time of ours is ${ms(ours.cpu.min)}, of cat ${ms(cat.cpu.min)}, the work of the loop device not counted`,
      ),
    ];
  };
  return [row('raw', 0.8), row('qcow2', 0.5)];
}

function luksRow({ luks }) {
  const ours = luks.get('vmcraft');
  const others = [...luks].filter(([name]) => name !== 'vmcraft');
  // The work of decrypting runs on one core: its speed is bytes by time of the processor, start of Node and key derivation included.
  const rate = WORK.luksBytes / MB / (ours.cpu.min / 1000);
  const ratios = others.map(([name, r]) => `${times(r.cpu.min / ours.cpu.min)} of ${name}`).join(', ');
  return [
    'sequential read of 512 MiB: LUKS2 aes-xts (start of Node and key derivation included)',
    '≥ 200 MB/s on one core',
    `${rate.toFixed(0)} MB a second of processor time; ${ratios}`,
    verdict(rate >= 200, `wall time ${ms(ours.wall.min)}`),
  ];
}

function bitlockerRow({ bitlocker }) {
  const [ours, dislocker] = [...bitlocker.values()];
  const rate = WORK.bitlockerBytes / MB / (ours.cpu.min / 1000);
  const ratio = dislocker === undefined ? '' : `; ${times(dislocker.cpu.min / ours.cpu.min)} of dislocker-file`;
  return [
    'sequential read of 128 MiB: BitLocker AES-XTS (start of Node included)',
    'none',
    `${rate.toFixed(0)} MB a second of processor time${ratio}`,
    '—',
  ];
}

function arrayRow({ array }) {
  const [degraded, whole, cat] = [...array.values()];
  const rate = WORK.arrayBytes / MB / (degraded.wall.min / 1000);
  return [
    'sequential read of 384 MiB: degraded md RAID 5 (start of Node included)',
    'none',
    `${rate.toFixed(0)} MB/s; ${times(whole.wall.min / degraded.wall.min)} of the whole array, ${times(cat.wall.min / degraded.wall.min)} of \`cat\` of the members`,
    '—',
  ];
}

function ntfsRows({ ntfsWalk, ntfsRead }) {
  const row = (work, target, results, name, theirs) => {
    if (results?.get(theirs) === undefined) return [work, target, 'not measured: needs ntfs-3g and root', ''];
    const [ours, other] = [results.get(name), results.get(theirs)];
    const ratio = other.wall.min / ours.wall.min;
    const why = `processor time of ours is ${ms(ours.cpu.min)}; that of the FUSE driver is not in its figure`;
    return [work, target, `${times(ratio)} as fast as ${theirs}`, target === 'none' ? '—' : verdict(ratio >= 1, why)];
  };
  const files = WORK.ntfsFiles.toLocaleString('en').replace(',', ' ');
  return [
    row(
      `walk + stat of ${files} files on NTFS (start of Node included)`,
      'not slower than ntfs-3g',
      ntfsWalk,
      'vmcraft',
      'find on ntfs-3g',
    ),
    row(
      'sequential read of 256 MiB on NTFS (start of Node included)',
      'none',
      ntfsRead,
      'vmcraft cat',
      'cat on ntfs-3g',
    ),
  ];
}

function hiveRow(hive, size) {
  const [ours, theirs] = [hive.get('vmcraft'), hive.get('hivexml')];
  const work = `every key and value of a registry hive of ${size} values (start of Node included)`;
  if (theirs === undefined) return [work, '≥ 1× hivexml', 'not measured: no hivexml', ''];
  const ratio = theirs.wall.min / ours.wall.min;
  return [
    work,
    '≥ 1× hivexml',
    `${times(ratio)} as fast as hivexml`,
    verdict(ratio >= 1, `processor time of ours is ${ms(ours.cpu.min)}, of hivexml ${ms(theirs.cpu.min)}`),
  ];
}

function memoryRow(results) {
  const peaks = Object.entries(results)
    // In the machine no memory is measured.
    .filter(([work, result]) => result instanceof Map && work !== 'attachInVm')
    .flatMap(([work, result]) =>
      [...result]
        .filter(([name]) => /^(vmcraft|in-process)/.test(name))
        .map(([name, { rss }]) => ({ work, name, rss })),
    );
  if (peaks.some(({ rss }) => rss === undefined)) return ['peak memory', '< 120 MB', 'not measured: no GNU time', ''];
  const megabytes = (mebibytes) => (mebibytes * 1024 * 1024) / MB;
  const top = peaks.reduce((a, b) => (b.rss > a.rss ? b : a));
  const over = peaks.filter(({ rss }) => megabytes(rss) >= 120).map(({ work, name }) => `${work} (${name})`);
  const why = `over it: ${over.join(', ')}; an idle Node process has ${megabytes(results.start.get('node').rss).toFixed(0)} MB`;
  return [
    'peak memory of every process above and below (resident, Node included)',
    '< 120 MB',
    `${megabytes(top.rss).toFixed(0)} MB (${top.work}, ${top.name})`,
    verdict(over.length === 0, why),
  ];
}

function installRow({ install }) {
  const size = (bytes) => `${(bytes / MB).toFixed(1)} MB`;
  const noNative = install.native.length === 0;
  return [
    'install: `vmcraft` with everything it depends on, unpacked',
    'no native dependency, < 15 MB',
    `${size(install.total)} in ${install.packages} packages (ours ${size(install.own)}, libraries ${size(install.libraries)}); ${noNative ? 'nothing native' : `native: ${install.native.join(', ')}`}`,
    verdict(
      noNative && install.total < 15 * MB,
      `the largest are ${install.largest.map(({ name, bytes }) => `${name} ${size(bytes)}`).join(', ')}`,
    ),
  ];
}

function writeRow(title, results) {
  const [ours, kernel] = [results.get('vmcraft'), results.get('kernel')];
  const measured =
    kernel === undefined
      ? `${ms(ours.wall.min)}; ${absent}`
      : `${times(kernel.wall.min / ours.wall.min)} as fast as \`cp\` and \`sync\` on a kernel mount`;
  return [title, 'none', measured, '—'];
}

function kernelRows({ xfsWalk, xfsRead, btrfsWalk, btrfsRead, zstdRead }) {
  const row = (work, target, results, theirs) => {
    if (results?.get(theirs) === undefined)
      return [work, target, 'not measured: needs mkfs, a kernel that mounts it, and root', ''];
    const [ours, other] = [results.get('vmcraft'), results.get(theirs)];
    const ratio = other.wall.min / ours.wall.min;
    const why = `processor time ${ms(ours.cpu.min)}, start of Node in it`;
    const rate = target === 'none' ? `${(WORK.kernelBytes / MB / ours.wall.min).toFixed(1)} GB/s; ` : '';
    const measured = `${rate}${times(ratio)} as fast as ${theirs} on a kernel mount`;
    return [work, target, measured, target === 'none' ? '—' : verdict(ratio >= 1, why)];
  };
  const files = WORK.kernelFiles.toLocaleString('en').replace(',', ' ');
  return [
    row(`walk + stat of ${files} files on XFS`, 'not slower than find', xfsWalk, 'find'),
    row('sequential read of 512 MiB on XFS', 'none', xfsRead, 'cat'),
    row(`walk + stat of ${files} files on Btrfs`, 'not slower than find', btrfsWalk, 'find'),
    row('sequential read of 512 MiB on Btrfs, checksums verified', 'none', btrfsRead, 'cat'),
    row('the same, compressed with zstd', 'none', zstdRead, 'cat'),
  ];
}

function attachRows({ attach, attachInVm }) {
  const work = 'attach a qcow2 with XFS, mount it by the kernel, read a file, take all down (start of Node included)';
  const row = (where, results) => {
    if (results === undefined) return [`${work}, ${where}`, 'none', 'not measured: needs root, python3 and qemu', ''];
    const [[, ours], ...others] = results;
    const ratios = others.map(([name, { wall }]) => `${times(wall.min / ours.wall.min)} as fast as ${name}`);
    return [`${work}, ${where}`, 'none', `${ms(ours.wall.min)}; ${ratios.join(', ')}`, '—'];
  };
  return [row('without nbd', attach), row('kernel nbd in an emulated machine', attachInVm)];
}

/** The whole page. */
export function report(facts, results) {
  const rows = [
    startRow(results),
    inspectRow(results),
    walkRow(results),
    ...readRows(results),
    luksRow(results),
    bitlockerRow(results),
    arrayRow(results),
    ...ntfsRows(results),
    ...kernelRows(results),
    hiveRow(results.hive, '90 000'),
    hiveRow(results.largeHive, '900 000'),
    memoryRow(results),
    installRow(results),
    writeRow(
      `write ${WORK.smallFiles.toLocaleString('en').replace(',', ' ')} small files, commit included`,
      results.small,
    ),
    writeRow('write a file of 300 MiB, commit included', results.large),
    ...attachRows(results),
  ];
  const parts = [
    '# Benchmarks',
    'Written by `pnpm bench`; do not edit. **All numbers are of one run on one host, and only their ratios mean much**: absolute times depend on the host and on what else it does. ' +
      'Every row measures VMCraft and the others in turns. Ratios are of the fastest samples, which other work on the host disturbs least; medians are in parentheses.',
    table(['this run', ''], Object.entries(facts)),
    '## Targets',
    table(['work', 'target', 'measured', 'verdict'], rows),
    '## How it is measured',
    METHOD,
    '## All measurements',
    details('First byte of a file on a 4 GiB ext4 qcow2', results.start, 'first'),
    details('Inspection of the sample guest', results.sample),
    ...(results.debian === undefined ? [] : [details('Inspection of a Debian 12 guest', results.debian)]),
    details('Walk and stat of 100 000 files', results.walk),
    details('Sequential read of a file of 1 GiB', results.read),
    details('Sequential read of an encrypted volume of 512 MiB (LUKS2; the others LUKS1)', results.luks),
    details('Sequential read of a BitLocker volume of 128 MiB', results.bitlocker),
    details('Sequential read of a RAID 5 of 384 MiB', results.array),
    ...(results.ntfsWalk === undefined
      ? []
      : [
          details('Walk and stat of files on NTFS', results.ntfsWalk),
          details('Sequential read of a file of 256 MiB on NTFS', results.ntfsRead),
        ]),
    ...(results.xfsWalk === undefined
      ? []
      : [
          details('Walk and stat of files on XFS', results.xfsWalk),
          details('Sequential read of a file of 512 MiB on XFS', results.xfsRead),
        ]),
    ...(results.btrfsWalk === undefined
      ? []
      : [
          details('Walk and stat of files on Btrfs', results.btrfsWalk),
          details('Sequential read of a file of 512 MiB on Btrfs', results.btrfsRead),
          details('Sequential read of a file of 512 MiB on Btrfs, compressed with zstd', results.zstdRead),
        ]),
    details('Every key and value of a registry hive of 90 000 values', results.hive),
    details('Every key and value of a registry hive of 900 000 values', results.largeHive),
    details('Writing 10 000 small files (25 MB)', results.small),
    details('Writing a file of 300 MiB', results.large),
    ...(results.attach === undefined ? [] : [details('Reading a file by way of the kernel', results.attach)]),
    ...(results.attachInVm === undefined
      ? []
      : [
          details(
            'Reading a file by way of the kernel, in an emulated machine whose kernel has nbd',
            results.attachInVm,
          ),
        ]),
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}

const METHOD = [
  "- The first sample of the command compiles its code; later ones find it in the user's cache (`~/.cache/vmcraft`), as all runs of a user after the first do. NODE_EXTRA_CA_CERTS is not set for anybody: with it, Node reads certificates at each start.",
  '- What runs is the bundled command (`packages/vmcraft/dist/bundle/cli.js`) or a small program on the API (`benchmarks/jobs`), bundled in the same way. Each sample is a process of its own, and its time is from start to end: start of Node, loading of code, opening of the image.',
  '- Image files are in the page cache of the host for everyone. Nothing else is: our process starts with empty caches, and the kernel mount is made anew before each sample (mounting is not timed). `find, cached` and `cat, cached` are second runs on the same mount, which the kernel answers from its own caches of names, inodes and file contents. The two are the extremes: a fresh mount also has to find memory for what it caches, which is slow on some virtual hosts.',
  "- Processor time is user and system time of the process and its children. Work of kernel threads (the loop device) is in nobody's, which flatters kernel mounts; so is what qemu's processes do outside of guestfish's children.",
  "- `in-process` is a program on the API, run by Node as it is; inspecting, it does so twice. It shows memory rather than time: the command keeps V8's space of new objects small, a program has it as large as Node's options say.",
  "- Writing: `cp -r` onto a mounted file system and `sync -f`, against `vmcraft copy-in`, and a program that uploads file by file (`in-process`). VMCraft's commit is all or nothing: data goes to a journal beside the image, is made durable, and is then applied to the image and made durable again, so it is written two or three times where the kernel writes it once. After each sample `e2fsck -fn` must find the image clean.",
  "- By way of the kernel: the command with `--backend host`, against a script that does the same with qemu's programs, `mount` and `cat` (`benchmarks/jobs/*-mount.sh`). The emulated machine is slow, and all of it: only its ratio counts.",
  '- Reads of XFS and Btrfs have no target: the loop device and the kernel copy memory on both processors at once, in less time than Node needs to start. What decompressing and checking costs us is in our figures; the kernel does it in threads of its own.',
  '- Results are checked: number of entries, bytes read, text found.',
].join('\n');
