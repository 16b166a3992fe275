"""A filter over system calls that namespaces do not confine: kernel keys, BPF, performance events, and new user namespaces."""

import ctypes
import platform
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, DENY = 0x7FFF0000, 0x00050001
NOT_IMPLEMENTED = 0x00050000 | 38
CLONE_NEWUSER = 0x10000000

# add_key request_key keyctl bpf perf_event_open userfaultfd open_by_handle_at kexec_load kexec_file_load
_ARCHITECTURES = {
    'x86_64': [
        (0xC000003E, [248, 249, 250, 321, 298, 323, 304, 246, 320], 272, 56, 435),
        (0x40000003, [286, 287, 288, 357, 336, 374, 342, 283], 310, 120, 435),
    ],
    'aarch64': [(0xC00000B7, [217, 218, 219, 280, 241, 282, 265, 104, 294], 97, 220, 435)],
}


def _op(code, k, yes=0, no=0):
    return struct.pack('=HBBI', code, yes, no, k)


def _rules(numbers, unshare, clone, clone3):
    rules = []
    for number in numbers:
        rules += [_op(JUMP_EQUAL, number, 0, 1), _op(RETURN, DENY)]
    # Its flags lie in memory that a filter cannot read; the C library goes on with clone.
    rules += [_op(JUMP_EQUAL, clone3, 0, 1), _op(RETURN, NOT_IMPLEMENTED)]
    rules += [_op(JUMP_EQUAL, unshare, 1, 0), _op(JUMP_EQUAL, clone, 0, 3)]
    rules += [_op(LOAD, 16), _op(JUMP_SET, CLONE_NEWUSER, 0, 1), _op(RETURN, DENY)]
    return rules + [_op(RETURN, ALLOW)]


def confine():
    """Where the architecture is not known, capabilities and namespaces have to do."""
    program = []
    for audit, numbers, unshare, clone, clone3 in _ARCHITECTURES.get(platform.machine(), []):
        body = [_op(LOAD, 0), *_rules(numbers, unshare, clone, clone3)]
        program += [_op(LOAD, 4), _op(JUMP_EQUAL, audit, 0, len(body)), *body]
    if not program:
        return
    program.append(_op(RETURN, ALLOW))
    code = b''.join(program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack('@HP', len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, 'no filter over system calls')
