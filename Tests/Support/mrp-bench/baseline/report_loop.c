// A bare router: answers each IGMPv3 report with one MRT_ADD_MFC, and nothing else.
//   report_loop INPUT OUTPUT
// A stream nobody wants gets an entry without outputs, so that no packet waits in the kernel. Any report of a record
// that names a source opens the output, BLOCK_OLD_SOURCES closes it; nothing is checked and nothing is remembered.
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/mroute.h>

enum { report_v3 = 0x22, block_old_sources = 6 };

static int router;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void set(int name, const void *value, socklen_t length, const char *what) {
    if (setsockopt(router, IPPROTO_IP, name, value, length) < 0) fail(what);
}

static void add_interface(vifi_t number, const char *name) {
    int index = (int)if_nametoindex(name);
    if (!index) fail(name);
    struct vifctl vif = {
        .vifc_vifi = number, .vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1, .vifc_lcl_ifindex = index};
    set(MRT_ADD_VIF, &vif, sizeof vif, "MRT_ADD_VIF");
    struct ip_mreqn all_routers = {.imr_multiaddr.s_addr = htonl(0xE0000016), .imr_ifindex = index};
    set(IP_ADD_MEMBERSHIP, &all_routers, sizeof all_routers, "IP_ADD_MEMBERSHIP");
}

static void program(struct in_addr source, struct in_addr group, int open) {
    struct mfcctl entry = {.mfcc_origin = source, .mfcc_mcastgrp = group, .mfcc_parent = 0};
    entry.mfcc_ttls[1] = open ? 1 : 0;
    set(MRT_ADD_MFC, &entry, sizeof entry, "MRT_ADD_MFC");
}

static void answer(const uint8_t *packet, size_t length) {
    if (length < 20) return;
    if (packet[9] == 0) {
        struct igmpmsg upcall;
        if (length < sizeof upcall) return;
        memcpy(&upcall, packet, sizeof upcall);
        if (upcall.im_msgtype == IGMPMSG_NOCACHE) program(upcall.im_src, upcall.im_dst, 0);
        return;
    }
    size_t header = (size_t)(packet[0] & 15) * 4;
    if (packet[9] != IPPROTO_IGMP || length < header + 20 || packet[header] != report_v3) return;
    const uint8_t *record = packet + header + 8;
    struct in_addr group, source;
    memcpy(&group, record + 4, 4);
    memcpy(&source, record + 8, 4);
    program(source, group, record[0] != block_old_sources);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: report_loop INPUT OUTPUT\n");
        return 2;
    }
    int on = 1;
    router = socket(AF_INET, SOCK_RAW, IPPROTO_IGMP);
    if (router < 0) fail("socket");
    set(MRT_INIT, &on, sizeof on, "MRT_INIT");
    add_interface(0, argv[1]);
    add_interface(1, argv[2]);
    for (;;) {
        uint8_t packet[9216];
        ssize_t length = recv(router, packet, sizeof packet, 0);
        if (length < 0) fail("recv");
        answer(packet, (size_t)length);
    }
}
