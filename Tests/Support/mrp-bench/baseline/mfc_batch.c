// A bare loop that programs the kernel's multicast forwarding cache by netlink, a hundred messages a send.
//   mfc_batch ENTRIES INTERFACE…    the first interface is the input, the others are outputs
// Prints three numbers: nanoseconds of processor time an entry to set, to replace and to remove.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/mroute.h>

enum { batch = 100, message_room = 512 };

static char buffer[batch * message_room];
static uint32_t sequence;
static unsigned int input, outputs;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void become_router(int count, char **names) {
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_IGMP), on = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, MRT_INIT, &on, sizeof on) < 0) fail("MRT_INIT");
    for (int i = 0; i < count; i++) {
        struct vifctl vif = {.vifc_vifi = (vifi_t)i, .vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1};
        vif.vifc_lcl_ifindex = (int)if_nametoindex(names[i]);
        if (setsockopt(fd, IPPROTO_IP, MRT_ADD_VIF, &vif, sizeof vif) < 0) fail("MRT_ADD_VIF");
    }
    input = if_nametoindex(names[0]);
    outputs = (unsigned int)count - 1;
}

static size_t put(char *at, int type, uint32_t number, unsigned int hops, int last) {
    struct nlmsghdr *message = mnl_nlmsg_put_header(at);
    message->nlmsg_type = (uint16_t)type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0));
    if (last) message->nlmsg_flags |= NLM_F_ACK;
    message->nlmsg_seq = ++sequence;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
    route->rtm_family = RTNL_FAMILY_IPMR;
    route->rtm_dst_len = route->rtm_src_len = 32;
    route->rtm_type = RTN_MULTICAST;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_protocol = RTPROT_MROUTED;
    mnl_attr_put_u32(message, RTA_SRC, htonl(0x0A01000A));
    mnl_attr_put_u32(message, RTA_DST, htonl(0xE8010000 + number));
    mnl_attr_put_u32(message, RTA_IIF, input);
    if (type == RTM_NEWROUTE) {
        struct rtnexthop list[MAXVIFS] = {0};
        for (unsigned int i = 0; i <= hops; i++) {
            list[i].rtnh_len = sizeof list[i];
            list[i].rtnh_hops = i > 0;
        }
        mnl_attr_put(message, RTA_MULTIPATH, (hops + 1) * sizeof list[0], list);
    }
    return message->nlmsg_len;
}

static void wait_for(struct mnl_socket *socket, uint32_t last) {
    char answer[1 << 16];
    for (;;) {
        int length = (int)mnl_socket_recvfrom(socket, answer, sizeof answer);
        if (length < 0) fail("recv");
        for (struct nlmsghdr *m = (void *)answer; mnl_nlmsg_ok(m, length); m = mnl_nlmsg_next(m, &length)) {
            const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);
            if (m->nlmsg_type != NLMSG_ERROR) continue;
            if (error->error) {
                fprintf(stderr, "refused: %d\n", error->error);
                exit(1);
            }
            if (m->nlmsg_seq == last) return;
        }
    }
}

static double run(struct mnl_socket *socket, int type, uint32_t entries, unsigned int hops) {
    double start = now();
    for (uint32_t done = 0; done < entries;) {
        size_t length = 0;
        uint32_t part = entries - done < batch ? entries - done : batch;
        for (uint32_t i = 0; i < part; i++) length += put(buffer + length, type, done + i, hops, i == part - 1);
        if (mnl_socket_sendto(socket, buffer, length) < 0) fail("send");
        wait_for(socket, sequence);
        done += part;
    }
    return (now() - start) / entries;
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 33) {
        fprintf(stderr, "usage: mfc_batch ENTRIES INPUT OUTPUT...\n");
        return 2;
    }
    uint32_t entries = (uint32_t)strtoul(argv[1], NULL, 10);
    become_router(argc - 2, argv + 2);
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) fail("netlink");
    double set = run(socket, RTM_NEWROUTE, entries, outputs);
    double replace = run(socket, RTM_NEWROUTE, entries, outputs - 1);
    double remove = run(socket, RTM_DELROUTE, entries, 0);
    printf("%.1f %.1f %.1f\n", set, replace, remove);
    return 0;
}
