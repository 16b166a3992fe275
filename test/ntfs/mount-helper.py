"""Works on a mount of ntfs-3g for the differential tests: fills it, changes it, lists it. Usage: mount-helper.py FOLDER STEP ARGS"""
import ctypes
import hashlib
import json
import os
import random
import socket
import stat
import struct
import sys

root = sys.argv[1]


def at(*parts):
    return os.path.join(root, *parts)


def put(path, data):
    with open(at(path), 'wb') as f:
        f.write(data)


def text(size, seed=1):
    rng = random.Random(seed)
    words = [bytes(rng.choices(b'etaoinshrdlu', k=rng.randint(2, 9))) for _ in range(200)]
    out = b''
    while len(out) < size:
        out += b' '.join(rng.choices(words, k=500)) + b'\n'
    return out[:size]


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


SIZES = [0, 1, 7, 100, 500, 600, 690, 700, 720, 900, 1000, 3000, 3500, 4000, 4095, 4096, 4097, 32768, 65535, 65536, 65537, 100003,
         1 << 20, (1 << 20) + 1]


def fill_files():
    os.mkdir(at('files'))
    for size in SIZES:
        put(f'files/text{size}', text(size, size))
    put('files/noise', noise(300001))
    os.mkdir(at('sparse'))
    with open(at('sparse/end'), 'wb') as f:
        f.truncate(5_000_000)
    with open(at('sparse/middle'), 'wb') as f:
        f.write(b'start')
        f.seek(2_000_000)
        f.write(b'middle')
        f.seek(4_000_003)
        f.write(b'end')
    with open(at('sparse/grown'), 'wb') as f:
        f.write(noise(70000))
        f.truncate(20000)
        f.truncate(900000)
    with open(at('sparse/small'), 'wb') as f:
        f.write(b'x')
        f.truncate(300)


def fill_compressed():
    os.mkdir(at('compressed'))
    flags = struct.unpack('<I', os.getxattr(at('compressed'), 'system.ntfs_attrib'))[0]
    os.setxattr(at('compressed'), 'system.ntfs_attrib', struct.pack('<I', flags | 0x800))
    for size in SIZES:
        put(f'compressed/text{size}', text(size, size + 5))
    put('compressed/noise', noise(200000, 3))
    put('compressed/zeros', bytes(400000))
    put('compressed/mixed', text(70000) + noise(70000) + bytes(140000) + text(30001) + noise(65536 * 2))
    with open(at('compressed/holes'), 'wb') as f:
        f.write(text(50000))
        f.seek(1_000_000)
        f.write(text(50000))
        f.truncate(1_500_000)
    for i in range(40):
        put(f'compressed/runs{i}', bytes([i]) * (i * 977) + text(i * 1311, i))


def fill_names():
    os.mkdir(at('names'))
    names = ['short.txt', 'UPPER', 'upper', 'Ünïcödé', 'Ωμέγα', 'ωΜΈΓΑ', '日本語', 'emoji \U0001f600\U0001f4a9', 'trailing ', ' leading',
             'x' * 255, 'ß' * 200, '名' * 255, 'long name with spaces and.dots.in.it', '~tilde', 'a~1', "quote'", 'ı', 'İ', 'ſ', 'ﬀ', 'ǅ']
    for name in names:
        put('names/' + name, name.encode())
    for i in range(60):
        put(f'names/Entry {i:03} {"abcdefgh"[i % 8] * (i % 37)}', b'%d' % i)
    os.mkdir(at('links'))
    put('links/original', text(5000, 9))
    for i in range(40):
        os.link(at('links/original'), at('links', f'link {i} ' + 'n' * (i * 5)))
    for i, target in enumerate(['original', '../files/noise', '/absolute/path', 'Ω/名', 'x' * 300, 'missing', '..']):
        os.symlink(target, at('links', f'symlink{i}'))
    os.mkfifo(at('links/fifo'))
    os.mknod(at('links/char'), 0o600 | stat.S_IFCHR, os.makedev(5, 300))
    os.mknod(at('links/block'), 0o600 | stat.S_IFBLK, os.makedev(259, 1))
    with socket.socket(socket.AF_UNIX) as s:
        os.chdir(at('links'))
        s.bind('socket')
        os.chdir('/')


def sid(*parts):
    return bytes([1, len(parts) - 1, 0, 0, 0, 0, 0, parts[0]]) + b''.join(struct.pack('<I', p) for p in parts[1:])


def descriptor(n):
    acl = b''
    for i in range(n % 5 + 1):
        who = sid(5, 21, 1000 + n, 2000, 3000, 500 + i)
        acl += struct.pack('<BBHI', 0, 3 * (i % 2), 8 + len(who), 0x1f01ff >> i) + who
    acl = struct.pack('<BBHHH', 2, 0, 8 + len(acl), n % 5 + 1, 0) + acl
    owner, group = sid(5, 21, 1000 + n, 2000, 3000, 500), sid(5, 32, 544)
    return struct.pack('<BBHIIII', 1, 0, 0x8004, 20, 20 + len(owner), 0, 20 + len(owner) + len(group)) + owner + group + acl


def fill_attributes():
    os.mkdir(at('attributes'))
    for i in range(12):
        path = at('attributes', f'file{i}')
        put(f'attributes/file{i}', b'x' * i * 100)
        for j in range(i):
            os.setxattr(path, f'user.stream{j}', text(j * j * 500, j))
        os.setxattr(path, 'system.ntfs_attrib', struct.pack('<I', [0x20, 0x21, 0x22, 0x26, 0x2020, 0x120][i % 6]))
        os.setxattr(path, 'system.ntfs_acl', descriptor(i % 7))
        os.setxattr(path, 'system.ntfs_times', struct.pack('<QQQ', *[130000000000000000 + i * 12345678901 + k for k in range(3)]))
    put('attributes/unicode', b'')
    os.setxattr(at('attributes/unicode'), 'user.Ünï 名', b'value')
    put('attributes/Long name for a short one.text', b'1')
    os.setxattr(at('attributes/Long name for a short one.text'), 'system.ntfs_dos_name', b'LONGNA~1.TEX')
    os.mkdir(at('attributes/Directory with a short name'))
    os.setxattr(at('attributes/Directory with a short name'), 'system.ntfs_dos_name', b'DIRECT~1')
    put('attributes/object', b'')
    os.setxattr(at('attributes/object'), 'system.ntfs_object_id', bytes(range(16)))
    put('attributes/ea', b'')
    ea = struct.pack('<IBBH', 0, 0, 4, 5) + b'NAME\0' + b'value'
    ea += bytes(-len(ea) % 4)
    os.setxattr(at('attributes/ea'), 'system.ntfs_ea', struct.pack('<I', len(ea)) + ea[4:])
    for i, when in enumerate([0, 1, 1_000_000_000_123_456_700, 4_000_000_000_000_000_000, 999_999_900]):
        put(f'attributes/time{i}', b'')
        os.utime(at('attributes', f'time{i}'), ns=(when, when + 100))
    os.mkdir(at('attributes/junction'))
    name = '\\??\\C:\\Windows\\System32'.encode('utf-16le')
    data = struct.pack('<HHHH', 0, len(name), len(name) + 2, 0) + name + bytes(4)
    os.setxattr(at('attributes/junction'), 'system.ntfs_reparse_data', struct.pack('<IHH', 0xa0000003, len(data), 0) + data)
    put('attributes/wsl', b'')
    data = struct.pack('<I', 2) + 'ziel/名'.encode()
    os.setxattr(at('attributes/wsl'), 'system.ntfs_reparse_data', struct.pack('<IHH', 0xa000001d, len(data), 0) + data)


def fill_directories():
    for count in (1, 8, 30, 400, 3000):
        os.mkdir(at(f'directory{count}'))
        for i in range(count):
            put(f'directory{count}/{i * 7919 % count:x} entry', b'')
    for i in range(0, 3000, 2):
        os.unlink(at(f'directory3000/{i * 7919 % 3000:x} entry'))
    deep = 'deep'
    for i in range(40):
        os.mkdir(at(deep))
        deep += f'/level{i}'
    put(os.path.dirname(deep) + '/bottom', b'reached')


def fill_fragments(cluster):
    """A file in many runs: every second of many files is removed and their clusters taken."""
    os.mkdir(at('fragments'))
    size = max(cluster, 4096)
    count = min(1500, 12_000_000 // size)
    for i in range(count):
        put(f'fragments/{i}', bytes([i & 255]) * size)
    free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
    put('filler', b'f' * max(0, free - 2_000_000))
    for i in range(0, count, 2):
        os.unlink(at(f'fragments/{i}'))
    put('fragmented', noise(count // 2 * size * 3 // 4 + 77))
    os.unlink(at('filler'))


def fill_streams():
    """With streams_interface=windows: streams larger than an extended attribute may be."""
    put('streamed', b'unnamed')
    put('streamed:large', text(300_000, 4))
    put('streamed:noise', noise(70_001, 4))
    put('streamed:empty', b'')


def wof(path, name, algorithm, size, source):
    """A CompactOS file by hand: with streams_interface=windows. A hole of the plain size, the chunks, the reparse point."""
    with open(at(name), 'wb') as f:
        f.truncate(int(size))
    with open(source, 'rb') as f:
        put(name + ':WofCompressedData', f.read())
    data = struct.pack('<IIII', 1, 2, 1, int(algorithm))
    os.setxattr(at(name), 'system.ntfs_reparse_data', struct.pack('<IHH', 0x80000017, len(data), 0) + data)


def many(count):
    os.mkdir(at('many'))
    for i in range(count):
        os.close(os.open(at(f'many/file number {i:06}'), os.O_CREAT | os.O_WRONLY))


def thin(count):
    for i in range(0, count, 2):
        os.unlink(at(f'many/file number {i:06}'))


libc = ctypes.CDLL(None, use_errno=True)
room = ctypes.create_string_buffer(65536)


def value_of(path, name):
    """As os.getxattr, with enough room at once: with too little, ntfs-3g does not say that it was too little."""
    size = libc.lgetxattr(os.fsencode(path), name.encode(), room, len(room))
    return None if size < 0 else room.raw[:size]


def entry(path, system):
    full = at(path) if path else root
    s = os.lstat(full)
    out = {'path': path, 'ino': s.st_ino, 'mode': s.st_mode, 'nlink': s.st_nlink, 'size': s.st_size, 'blocks': s.st_blocks,
           'atime': str(s.st_atime_ns), 'mtime': str(s.st_mtime_ns), 'ctime': str(s.st_ctime_ns)}
    if stat.S_ISREG(s.st_mode):
        h = hashlib.sha256()
        with open(full, 'rb') as f:
            while chunk := f.read(1 << 20):
                h.update(chunk)
        out['digest'] = h.hexdigest()
    elif stat.S_ISLNK(s.st_mode):
        out['target'] = os.readlink(full)
    elif not stat.S_ISDIR(s.st_mode):
        out['rdev'] = [os.major(s.st_rdev), os.minor(s.st_rdev)]
    xattrs = {}
    for name in os.listxattr(full, follow_symlinks=False) + system:
        value = value_of(full, name)
        if value is not None:
            xattrs[name] = value.hex()
    out['xattrs'] = xattrs
    return s, out


def tree(system):
    todo = ['']
    while todo:
        path = todo.pop()
        s, out = entry(path, system)
        print(json.dumps(out))
        if stat.S_ISDIR(s.st_mode):
            todo += [os.path.join(path, name) for name in os.listdir(at(path) if path else root)]


step, args = sys.argv[2], sys.argv[3:]
if step == 'fill':
    fill_files()
    fill_names()
    fill_attributes()
    fill_directories()
    if int(args[0]) <= 4096:
        fill_compressed()
    if int(args[0]) <= 65536:
        fill_fragments(int(args[0]))
elif step == 'fill-streams':
    fill_streams()
elif step == 'wof':
    wof(root, *args)
elif step == 'many':
    many(int(args[0]))
elif step == 'thin':
    thin(int(args[0]))
elif step == 'tree':
    tree(args)
else:
    sys.exit(f'no step {step}')
