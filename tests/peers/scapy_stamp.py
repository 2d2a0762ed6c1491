"""STAMP's two ends by scapy's own packet definitions (scapy.contrib.stamp).

send HOST PORT COUNT FORMAT: sends COUNT probes, prints each reply's fields as JSON.
reflect COUNT: prints its port, then answers COUNT probes as a stateful reflector.
"""

import json
import socket
import sys
import time

from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated as Reflector,
    STAMPSessionSenderTestUnauthenticated as Sender,
    STAMPTestTLV,
)

PATIENCE_S = 10


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def send(host, port, count, fmt):
    estimate = ErrorEstimate(S=1, Z=1 if fmt == "ptp" else 0, scale=3, multiplier=9)
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect((host, port))
        for seq in range(count):
            # U by its bit: scapy's names count from the wrong end of the octet.
            padding = STAMPTestTLV(flags=0x80, type=1, len=6, value=b"scapy!")
            unknown = STAMPTestTLV(flags=0x80, type=5, len=2, value=b"??")
            probe = Sender(seq=seq, err_estimate=estimate, ssid=77, tlv_objects=[padding, unknown])
            asked = bytearray(bytes(probe))
            # scapy has times as seconds: this one is exact in either format.
            asked[4:12] = (int(time.time()) << 32 | seq).to_bytes(8, "big")
            sock.send(asked)
            octets = sock.recv(4096)
            reply = Reflector(octets)
            print(
                json.dumps(
                    {
                        "seq": reply.seq,
                        "ssid": reply.ssid,
                        "z": reply.err_estimate.Z,
                        "seq_sender": reply.seq_sender,
                        "ttl": reply.ttl_sender,
                        "returned": octets[28:38] == asked[4:14],
                        "same_size": len(octets) == len(asked),
                        "flags": [int(tlv.flags) for tlv in reply.tlv_objects],
                        "values": [bytes(tlv.value).decode() for tlv in reply.tlv_objects],
                    }
                ),
                flush=True,
            )


def reflect(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.bind(("127.0.0.1", 0))
        print(sock.getsockname()[1], flush=True)
        for seq in range(count):
            octets, sender = sock.recvfrom(4096)
            probe = Sender(octets)
            estimate = ErrorEstimate(S=1, Z=0, scale=3, multiplier=9)
            reply = Reflector(
                seq=seq,
                err_estimate=estimate,
                ssid=probe.ssid,
                seq_sender=probe.seq,
                err_estimate_sender=probe.err_estimate,
                ttl_sender=64,
            )
            answer = bytearray(bytes(reply))
            # scapy reads its times as seconds: T1 goes back as it came.
            answer[28:36] = octets[4:12]
            now = (int(time.time() * 2**32) + (2208988800 << 32)) & (2**64 - 1)
            answer[4:12] = answer[16:24] = now.to_bytes(8, "big")
            sock.sendto(bytes(answer), sender)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        reflect(int(sys.argv[2]))
