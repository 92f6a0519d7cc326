#!/usr/bin/env python3
"""key-schedule.py SECRET [NODE...] - every key of cardwright's key schedule, version 1 (src/identity/mod.rs).

A second implementation, from the documentation and with nothing but Python's own library: what it prints
has to be what cardwright derives. SECRET is 64 hexadecimal digits.
"""
import hashlib
import hmac
import sys

# The order of P-256's group: SEC 2, section 2.4.2.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# When the owner's certificate of the test vectors ends: 2029-10-06.
END = 1885939200


def derive(secret, label, length):
    """RFC 5869."""
    key = hmac.new(b"cardwright/v1", secret, hashlib.sha256).digest()
    block, output = b"", b""
    while len(output) < length:
        number = bytes([len(output) // 32 + 1])
        block = hmac.new(key, block + label.encode("ascii") + number, hashlib.sha256).digest()
        output += block
    return output[:length]


def scalar(secret, label):
    number = int.from_bytes(derive(secret, label, 48), "big")
    return f"{number % (ORDER - 1) + 1:064x}"


def serial(secret, label):
    number = bytearray(derive(secret, label, 16))
    number[0] = number[0] & 0x7F | 0x40
    return number.hex()


def main(secret, *nodes):
    secret = bytes.fromhex(secret)
    for label in ["k3s/server-token", "k3s/agent-token"]:
        print(label, derive(secret, label, 32).hex())
    for node in nodes:
        print(f"k3s/node-password/{node}", derive(secret, f"k3s/node-password/{node}", 16).hex())
    print("ssh/login-key", derive(secret, "ssh/login-key", 32).hex())
    for node in nodes:
        label = f"ssh/host-key/ed25519/{node}"
        print(label, derive(secret, label, 32).hex())
    for node in nodes:
        label = f"user/password-salt/{node}/pi"
        print(label, derive(secret, label, 12).hex())
    label = f"backup/{bytes(range(16)).hex()}"
    print(label, derive(secret, label, 32).hex())
    for authority in ["server", "client", "request-header", "etcd-server", "etcd-peer"]:
        label = f"k3s/ca/{authority}"
        print(label, scalar(secret, label))
        print(f"{label}/serial", serial(secret, f"{label}/serial"))
    print("k3s/admin", scalar(secret, "k3s/admin"))
    print(f"k3s/admin/serial/{END}", serial(secret, f"k3s/admin/serial/{END}"))
    print("secret/fingerprint", derive(secret, "secret/fingerprint", 16).hex())


main(*sys.argv[1:])
