/** One way of making the file systems under test. */
export interface FeatureSet {
  readonly name: string;
  /** Arguments of mke2fs, without device and size. */
  readonly args: readonly string[];
  /** MiB; 96 unless given. */
  readonly size?: number;
}

/** The mke2fs option sets that the differential test covers. */
export const FEATURE_SETS: readonly FeatureSet[] = [
  { name: 'ext2', args: ['-t', 'ext2'] },
  { name: 'ext2 of 1998', args: ['-t', 'ext2', '-r', '0', '-b', '1024', '-I', '128'] },
  { name: 'ext3', args: ['-t', 'ext3', '-I', '128'] },
  { name: 'ext4', args: ['-t', 'ext4'] },
  { name: '1 KiB blocks', args: ['-t', 'ext4', '-b', '1024'] },
  { name: '2 KiB blocks', args: ['-t', 'ext4', '-b', '2048', '-I', '512'] },
  { name: 'no extents', args: ['-t', 'ext4', '-O', '^extent,^64bit'] },
  { name: '128-byte inodes', args: ['-t', 'ext4', '-I', '128'] },
  { name: 'bigalloc', args: ['-t', 'ext4', '-O', 'bigalloc', '-C', '65536'], size: 256 },
  { name: 'inline_data', args: ['-t', 'ext4', '-O', 'inline_data'] },
  {
    name: 'inline_data, 1 KiB blocks, 1 KiB inodes',
    args: ['-t', 'ext4', '-O', 'inline_data', '-b', '1024', '-I', '1024'],
  },
  { name: 'metadata_csum_seed', args: ['-t', 'ext4', '-O', 'metadata_csum,metadata_csum_seed'] },
  { name: 'uninit_bg', args: ['-t', 'ext4', '-O', '^metadata_csum,uninit_bg'] },
  { name: 'no 64bit', args: ['-t', 'ext4', '-O', '^64bit'] },
  { name: 'meta_bg', args: ['-t', 'ext4', '-O', 'meta_bg,^resize_inode', '-b', '1024', '-g', '1024'] },
  { name: 'sparse_super2', args: ['-t', 'ext4', '-O', 'sparse_super2,^resize_inode'], size: 300 },
  { name: 'ea_inode', args: ['-t', 'ext4', '-O', 'ea_inode'] },
  { name: 'large_dir', args: ['-t', 'ext4', '-O', 'large_dir', '-b', '1024'] },
  { name: 'orphan_file', args: ['-t', 'ext4', '-O', 'orphan_file'] },
  { name: 'no flex_bg', args: ['-t', 'ext4', '-O', '^flex_bg', '-b', '1024', '-g', '4096'] },
  { name: 'no dir_index, no journal', args: ['-t', 'ext4', '-O', '^dir_index,^has_journal'] },
  { name: 'project', args: ['-t', 'ext4', '-O', 'project'] },
  { name: 'quota', args: ['-t', 'ext4', '-O', 'quota'] },
  { name: 'mmp, stable_inodes', args: ['-t', 'ext4', '-O', 'mmp,stable_inodes'] },
  { name: 'fast_commit', args: ['-t', 'ext4', '-O', 'fast_commit'] },
  { name: 'casefold', args: ['-t', 'ext4', '-O', 'casefold'] },
  { name: '64 KiB blocks', args: ['-t', 'ext4', '-b', '65536', '-J', 'size=64'], size: 512 },
];
