"""Judges password hashes with impacket, and makes the keys of a SAM with PyCryptodome.

key RC4|AES BOOTKEY DOMAINKEY   prints the value F of SAM\\Domains\\Account in hexadecimal
dump SYSTEM SAM                 prints what secretsdump reads
"""
import struct
import sys
from hashlib import md5

from Cryptodome.Cipher import AES, ARC4

QWERTY = b"!@#$%^&*()qwertyUIOPAzxcvbnmQQQQQQQQQQQQ)(*@&%\0"
DIGITS = b"0123456789012345678901234567890123456789\0"
SALT = bytes(range(16))


def account_f(form, boot_key, domain_key):
    f = bytearray(0x68)
    struct.pack_into("<HH", f, 0, 3 if form == "AES" else 2, 1)
    if form == "AES":
        sealed = AES.new(boot_key, AES.MODE_CBC, SALT).encrypt(domain_key + b"\x10" * 16)
        f += struct.pack("<IIII", 2, 0x70, 0x10, len(sealed)) + SALT + sealed
    else:
        key = md5(SALT + QWERTY + boot_key + DIGITS).digest()
        checksum = md5(domain_key + DIGITS + domain_key + QWERTY).digest()
        f += struct.pack("<II", 1, 0x38) + SALT + ARC4.new(key).encrypt(domain_key + checksum) + b"\0" * 8
    return bytes(f) + b"\0" * 0x20


def dump(system, sam):
    from impacket.examples.secretsdump import LocalOperations, SAMHashes

    hashes = SAMHashes(sam, LocalOperations(system).getBootKey(), isRemote=False, perSecretCallback=print)
    hashes.dump()


if sys.argv[1] == "key":
    print(account_f(sys.argv[2], bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4])).hex())
else:
    dump(sys.argv[2], sys.argv[3])
