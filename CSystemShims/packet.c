#include "mrp_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

_Static_assert(mrp_vnet_header_size == sizeof(struct virtio_net_hdr), "the header without a buffer count");
_Static_assert(mrp_vnet_needs_checksum == VIRTIO_NET_HDR_F_NEEDS_CSUM, "");
_Static_assert(mrp_vnet_data_valid == VIRTIO_NET_HDR_F_DATA_VALID, "");
_Static_assert(mrp_vnet_gso_none == VIRTIO_NET_HDR_GSO_NONE, "");
_Static_assert(mrp_vnet_gso_udp == VIRTIO_NET_HDR_GSO_UDP_L4, "");

// IPv4 (the Ethernet type), UDP (the protocol), 224.0.0.0/4 (the destination's first byte): all of it, or nothing.
static struct sock_filter multicast_udp[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 6),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 9),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 4),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 16),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xF0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xE0, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

static int set_option(int fd, int level, int name, const void *value, socklen_t length) {
    return setsockopt(fd, level, name, value, length) < 0 ? -errno : 0;
}

static int prepare(int fd, uint32_t ifindex) {
    int one = 1;
    struct sock_fprog filter = {.len = sizeof multicast_udp / sizeof *multicast_udp, .filter = multicast_udp};
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)ifindex};
    int failed = set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
    if (!failed) failed = set_option(fd, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof one);
    if (!failed) failed = set_option(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one);
    if (!failed) failed = set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
    if (!failed && bind(fd, (struct sockaddr *)&address, sizeof address) < 0) failed = -errno;
    return failed;
}

int mrp_packet_open_multicast(uint32_t ifindex) {
    // Protocol 0 receives nothing until the bind names one.
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int failed = prepare(fd, ifindex);
    if (!failed) return fd;
    close(fd);
    return failed;
}

int mrp_packet_statistics(int fd, uint32_t *frames, uint32_t *drops) {
    struct tpacket_stats statistics;
    socklen_t length = sizeof statistics;
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) < 0) return -errno;
    *frames = statistics.tp_packets;
    *drops = statistics.tp_drops;
    return 0;
}
