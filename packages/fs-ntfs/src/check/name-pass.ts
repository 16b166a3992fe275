import { equalBytes } from '@vmcraft/core/binary';
import { nameOf } from '../collation.js';
import { displayName, parentOf, requireFileName } from '../file-name.js';
import type { IndexEntry } from '../index-node.js';
import type { Inode } from '../inode.js';
import { AttributeType, decodeReference, fileName, SystemFile } from '../layout.js';
import { IndexName } from '../layout-index.js';
import type { Volume } from '../volume.js';
import type { Findings } from './findings.js';
import { walkIndex } from './index-walk.js';
import { Fact, type RecordFacts } from './record-facts.js';

/** All directories: each entry names a file that has this name, each name of a file is an entry, and all lead to the root. */
export class NamePass {
  constructor(
    private readonly volume: Volume,
    private readonly facts: RecordFacts,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<void> {
    const { facts } = this;
    for (let number = 0; number < facts.count; number++) {
      if (facts.is(number, Fact.readable) && facts.is(number, Fact.directory)) await this.#directory(number);
    }
    for (let number = 0; number < facts.count; number++) {
      if (facts.is(number, Fact.readable) && facts.met[number] !== facts.names[number]) await this.#missing(number);
    }
    this.#connected();
  }

  async #directory(number: number): Promise<void> {
    const { findings, volume } = this;
    const tree = await findings.attempt(`directory ${number}`, async () =>
      volume.index(await volume.mft.load(number), IndexName.directory),
    );
    const ended =
      tree !== undefined && (await walkIndex(volume, tree, findings, (entry) => this.#entry(tree.inode, entry)));
    if (!ended) this.facts.set(number, Fact.brokenIndex);
  }

  async #entry(dir: Inode, entry: IndexEntry): Promise<void> {
    const { facts, findings } = this;
    const key = requireFileName(entry.key, `index of record ${dir.number}`);
    const what = `directory ${dir.number}: '${displayName(key)}'`;
    const { record, sequence } = entry;
    if (!facts.is(record, Fact.base)) {
      findings.error(`${what} is record ${record}, which is no file`);
      return;
    }
    if (facts.sequence[record] !== sequence) {
      findings.error(`${what} is record ${record}, which has been used for another file since`);
      return;
    }
    if (!facts.is(record, Fact.readable)) return;
    const inode = await this.volume.mft.load(record);
    if (inode.all(AttributeType.fileName).some(({ value }) => isWhole(value) && isSame(value, key))) {
      facts.met[record]!++;
    } else {
      findings.error(`${what} is no name that record ${record} has in this directory`);
    }
  }

  /** Names of a file that are in no directory. */
  async #missing(number: number): Promise<void> {
    const inode = await this.volume.mft.load(number);
    for (const { value } of inode.all(AttributeType.fileName)) {
      // One that breaks off has been told.
      if (!isWhole(value)) continue;
      const { record, sequence } = decodeReference(parentOf(value));
      const what = `record ${number}: '${displayName(value)}'`;
      if (!this.facts.is(record, Fact.directory) || this.facts.sequence[record] !== sequence) {
        this.findings.error(`${what} is in record ${record}, which is no directory or another one by now`);
        continue;
      }
      // Only what the index can tell is told: a broken one has been.
      if (this.facts.is(record, Fact.brokenIndex) || !this.facts.is(record, Fact.readable)) continue;
      await this.findings.attempt(what, async () => {
        const tree = this.volume.index(await this.volume.mft.load(record), IndexName.directory);
        const entry = await tree.find(value);
        if (entry?.record !== number) this.findings.error(`${what} is not in its directory, record ${record}`);
      });
    }
  }

  /** No directory is above itself: each leads to the root. */
  #connected(): void {
    const { facts } = this;
    // The number of the directory whose way up came by here; 0 for none.
    const seen = new Uint32Array(facts.count);
    for (let start = 0; start < facts.count; start++) {
      if (!facts.is(start, Fact.directory) || !facts.is(start, Fact.readable) || facts.names[start] === 0) continue;
      let at = start;
      while (at !== SystemFile.root && at < facts.count && seen[at] === 0) {
        seen[at] = start + 1;
        at = facts.parent[at]!;
      }
      if (at !== SystemFile.root && at < facts.count && seen[at] === start + 1) {
        this.findings.error(`directory ${start} is below itself, not below the root`);
      }
    }
  }
}

function isWhole(value: Uint8Array | undefined): value is Uint8Array {
  return value !== undefined && value.length >= fileName.size && value.length >= fileName.size + value[64]! * 2;
}

/** Same name in the same directory: what else an entry copies is out of date now and then. */
function isSame(value: Uint8Array, key: Uint8Array): boolean {
  return parentOf(value) === parentOf(key) && value[65] === key[65] && equalBytes(nameOf(value), nameOf(key));
}
