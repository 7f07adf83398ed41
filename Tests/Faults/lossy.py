"""A way between two addresses of this machine on which packets are lost, and others come late and out of order.

What is sent to FAR goes to a tun device; a process gives it back with the two addresses exchanged, which leaves every
checksum as it is. So whoever listens at NEAR is reached at FAR, and the kernel's own TCP at both ends has to cope.
Needs root, and a network of its own (`unshare -n`), whose addresses are nobody else's.
"""

import ctypes
import fcntl
import heapq
import multiprocessing
import os
import random
import select
import signal
import struct
import subprocess
import time

NEAR = "10.99.0.1"
FAR = "10.99.0.2"
DEVICE = "lossy"
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def run(device, control, seed, loss, late):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    dice = random.Random(seed)
    waiting = []
    count = passed = lost = 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            os.write(device, heapq.heappop(waiting)[2])
        patience = max(0, waiting[0][0] - now) if waiting else 1
        ready, _, _ = select.select([device, control], [], [], patience)
        if control in ready:
            control.recv()
            control.send((passed, lost))
        if device not in ready:
            continue
        packet = os.read(device, 65536)
        if packet[0] >> 4 != 4:
            continue
        if dice.random() < loss:
            lost += 1
            continue
        passed += 1
        count += 1
        packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        # Most wait a little; the others overtake them.
        wait = 0 if dice.random() < 0.25 else dice.uniform(0, late)
        heapq.heappush(waiting, (now + wait, count, packet))


class LossyWay:
    def __init__(self, seed=1, loss=0.05, late=0.002):
        for words in (
            f"ip tuntap add dev {DEVICE} mode tun",
            f"ip addr add {NEAR}/24 dev {DEVICE}",
            f"ip link set {DEVICE} up",
        ):
            subprocess.run(words.split(), check=True, capture_output=True)
        self.device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        self.control, other = multiprocessing.Pipe()
        self.child = multiprocessing.Process(
            target=run, args=(self.device, other, seed, loss, late), daemon=True
        )
        self.child.start()

    def counts(self):
        """Packets that came through, and those that were lost."""
        self.control.send(None)
        return self.control.recv()

    def end(self):
        self.child.kill()
        self.child.join()
        os.close(self.device)
