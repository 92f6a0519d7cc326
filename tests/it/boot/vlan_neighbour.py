#!/usr/bin/python3
"""vlan_neighbour.py INTERFACE VLAN ADDRESS HARDWARE-ADDRESS - tells whoever asks in that VLAN (IEEE 802.1Q) who has
the address (RFC 826). Frame by frame, for the kernel of whoever runs the tests may know of no VLANs."""

import socket, struct, sys

ALL, VLAN, ARP, REQUEST, REPLY = 0x0003, 0x8100, 0x0806, 1, 2
# linux/if_packet.h
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4

interface, vlan, address = sys.argv[1], int(sys.argv[2]), socket.inet_aton(sys.argv[3])
hardware = bytes.fromhex(sys.argv[4].replace(":", ""))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
wire.bind((interface, ALL))
while True:
    frame, control, _, _ = wire.recvmsg(2048, 64)
    # The kernel takes the tag out of the frame and hands it over beside it.
    tag = None
    for _, _, data in control:
        status, *_, tci, _ = struct.unpack("IIIHHHH", data)
        tag = tci & 0xfff if status & TP_STATUS_VLAN_VALID else None
    if tag != vlan or len(frame) < 42 or struct.unpack_from("!H6xH", frame, 12) != (ARP, REQUEST):
        continue
    asker, asked = frame[22:32], frame[38:42]
    if asked == address:
        wire.send(frame[6:12] + hardware + struct.pack("!HHHHHBBH", VLAN, vlan, ARP, 1, 0x0800, 6, 4, REPLY)
                  + hardware + address + asker)
