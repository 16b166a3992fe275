// pnpm bench: measures the table of docs/benchmarks.md in one run, and writes it.
//   --samples N   how often each thing is measured (5)
//   --out FILE    where the report goes (docs/benchmarks.md)
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { must, root } from '../tools/workspace.mjs';
import { guests, kernelImage, luksImages, ntfsImage, readImages, WORK, walkImages, writeSources } from './fixtures.mjs';
import { findTool, hostFacts } from './host.mjs';
import { attachContestants, attachInVm, hostImage } from './host-work.mjs';
import { installSize } from './install-size.mjs';
import { report } from './report.mjs';
import { measure } from './sampler.mjs';
import {
  arrayContestants,
  bitlockerContestants,
  bundleJobs,
  guestfish,
  hiveContestants,
  inspectContestants,
  kernelReadContestants,
  kernelWalkContestants,
  luksContestants,
  ntfsReadContestants,
  ntfsWalkContestants,
  readContestants,
  startContestants,
  walkContestants,
  writeContestants,
} from './work.mjs';

// `--only hive --only ntfsWalk` measures these rows alone and prints them; the report is written when all are measured.
const { values } = parseArgs({
  options: { samples: { type: 'string' }, out: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const samples = Number(values.samples ?? 5);
const out = values.out ?? fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);

for (const tool of ['mke2fs', 'e2fsck', 'dumpe2fs', 'debugfs', 'qemu-img', 'bash', 'npm']) {
  if (findTool(tool) !== undefined) continue;
  say(`bench: ${tool} is not installed`);
  process.exit(1);
}

const facts = hostFacts();
say('building …');
must('build', `${root}/node_modules/.bin/tsc`, ['-b'], { quiet: true });
must('bundle', process.execPath, ['tools/bundle.mjs'], { quiet: true });
const folder = mkdtempSync(join(tmpdir(), 'vmcraft-bench-'));
const clean = () => rmSync(folder, { recursive: true, force: true });
const mounts = new Set();
function release() {
  for (const close of mounts) close();
  mounts.clear();
  clean();
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    release();
    process.exit(1);
  });
}

async function compare(title, contestants) {
  say(`${title}: ${contestants.map(({ name }) => name).join(', ')} (load ${loadavg()[0].toFixed(1)})`);
  for (const { close } of contestants) if (close !== undefined) mounts.add(close);
  return show(await measure(contestants, { samples, folder }));
}

function show(results) {
  for (const [name, { wall, cpu, rss }] of results) {
    say(
      `  ${name}: ${wall.min.toFixed(0)}/${wall.median.toFixed(0)} ms, CPU ${cpu.min.toFixed(0)} ms, ${rss?.toFixed(0)} MiB`,
    );
  }
  return results;
}

/** Made when the first row asks. */
function once(make) {
  let made;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** What is measured, by its name in the report; undefined where this host cannot. */
function rows() {
  const walk = once(() => walkImages(folder));
  const read = once(() => readImages(folder));
  const sources = once(() => writeSources(folder));
  const images = once(() => guests());
  const ntfs = once(() => ntfsImage(folder));
  const xfs = once(() => kernelImage(folder, 'xfs'));
  const btrfs = once(() => kernelImage(folder, 'btrfs'));
  const packed = once(() => kernelImage(folder, 'btrfs', 'compress-force=zstd'));
  const attached = once(() => hostImage(folder));
  const hasDebian = () => existsSync(images().debian ?? '');
  const onNtfs = (title, contestants) =>
    ntfs() === undefined ? undefined : compare(title, contestants(folder, ntfs()));
  const onKernel = (title, image, type, contestants) =>
    image() === undefined ? undefined : compare(title, contestants(folder, image(), type));
  return {
    start: () => compare('first byte of a file', startContestants(walk())),
    sample: () =>
      compare('sample guest', inspectContestants(images().sample, { compare: images().debian === undefined })),
    debian: () =>
      hasDebian() ? compare('Debian guest', inspectContestants(images().debian, { compare: true })) : undefined,
    walk: () => compare('walk', walkContestants(folder, walk())),
    read: () => compare('read', readContestants(folder, read())),
    luks: () => compare('read LUKS', luksContestants(luksImages(folder))),
    bitlocker: () => compare('read BitLocker', bitlockerContestants(folder)),
    array: () => compare('read RAID 5', arrayContestants(folder)),
    small: () =>
      compare(
        'write small files',
        writeContestants(folder, sources().small, { files: WORK.smallFiles + 120, bytes: WORK.smallFiles * 2480 }),
      ),
    large: () =>
      compare('write a large file', writeContestants(folder, sources().large, { files: 1, bytes: WORK.largeBytes })),
    ntfsWalk: () => onNtfs('walk NTFS', ntfsWalkContestants),
    ntfsRead: () => onNtfs('read NTFS', ntfsReadContestants),
    xfsWalk: () => onKernel('walk XFS', xfs, 'xfs', kernelWalkContestants),
    xfsRead: () => onKernel('read XFS', xfs, 'xfs', kernelReadContestants),
    btrfsWalk: () => onKernel('walk Btrfs', btrfs, 'btrfs', kernelWalkContestants),
    btrfsRead: () => onKernel('read Btrfs', btrfs, 'btrfs', kernelReadContestants),
    zstdRead: () => onKernel('read Btrfs, zstd', packed, 'btrfs', kernelReadContestants),
    hive: () => compare('registry hive', hiveContestants(folder, 300)),
    largeHive: () => compare('large registry hive', hiveContestants(folder, 3000)),
    attach: () =>
      attached() === undefined
        ? undefined
        : compare('attach, mount and read', attachContestants(attached(), guestfish)),
    attachInVm: () => {
      const results = attached() === undefined ? undefined : attachInVm(attached(), samples);
      return results === undefined ? undefined : show(results);
    },
    install: () => installSize(),
  };
}

/** Measure all rows, or those that are named, one after the other. */
async function measureRows(all) {
  const results = {};
  for (const name of values.only ?? Object.keys(all)) {
    if (all[name] === undefined) throw new Error(`--only ${name}: there are ${Object.keys(all).join(', ')}`);
    const result = await all[name]();
    if (result !== undefined) results[name] = result;
  }
  return results;
}

const started = performance.now();
try {
  await bundleJobs(folder);
  const results = await measureRows(rows());
  const minutes = (performance.now() - started) / 60_000;
  facts['load average at the end'] = loadavg()[0].toFixed(1);
  facts.run = `${samples} samples of each (guestfish: 1), in turns; ${minutes.toFixed(1)} minutes in all`;
  if (values.only === undefined) {
    writeFileSync(out, report(facts, results));
    say(`wrote ${out}`);
  }
} finally {
  release();
}
