#include "netlink.h"

#include <endian.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static void enlarge_buffer(int fd, int forced, int plain, int size) {
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0) {
        setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
    }
}

static int configure(struct mrp_netlink *netlink, const uint32_t *groups, uint32_t group_count) {
    int fd = mnl_socket_get_fd(netlink->socket), on = 1;
    // An error then comes back without the message that caused it; its number is all we need.
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    // A dump is then filtered by the kernel, or refused when it cannot be.
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    enlarge_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, group_count > 0 ? 8 << 20 : 2 << 20);
    for (uint32_t i = 0; i < group_count; i++) {
        int group = (int)groups[i];
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) return -errno;
    }
    if (group_count > 0) return 0;
    // The kernel answers a request within the send; only a fault makes anybody wait.
    struct timeval patience = {.tv_sec = 5};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ? -errno : 0;
}

int mrp_netlink_open(struct mrp_netlink **opened, const uint32_t *groups, uint32_t group_count) {
    struct mrp_netlink *netlink = calloc(1, sizeof *netlink);
    if (!netlink) return -ENOMEM;
    netlink->buffer = malloc(mrp_netlink_buffer_size);
    netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (group_count > 0 ? SOCK_NONBLOCK : 0));
    if (!netlink->buffer || !netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int failure = netlink->buffer ? -errno : -ENOMEM;
        mrp_netlink_close(netlink);
        return failure;
    }
    netlink->port = mnl_socket_get_portid(netlink->socket);
    int failure = configure(netlink, groups, group_count);
    if (failure) {
        mrp_netlink_close(netlink);
        return failure;
    }
    *opened = netlink;
    return 0;
}

void mrp_netlink_close(struct mrp_netlink *netlink) {
    if (!netlink) return;
    if (netlink->socket) mnl_socket_close(netlink->socket);
    free(netlink->buffer);
    free(netlink);
}

int mrp_netlink_descriptor(const struct mrp_netlink *netlink) { return mnl_socket_get_fd(netlink->socket); }

struct nlmsghdr *mrp_netlink_request(struct mrp_netlink *netlink, uint16_t type, uint16_t flags, size_t extra) {
    struct nlmsghdr *request = mnl_nlmsg_put_header(netlink->buffer);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | flags;
    request->nlmsg_seq = ++netlink->sequence;
    mnl_nlmsg_put_extra_header(request, extra);
    netlink->left = 0;
    return request;
}

int mrp_netlink_send(struct mrp_netlink *netlink, const void *bytes, size_t length) {
    while (mnl_socket_sendto(netlink->socket, bytes, length) < 0) {
        if (errno != EINTR) return -errno;
    }
    return 0;
}

int mrp_netlink_receive(struct mrp_netlink *netlink) {
    ssize_t count;
    do {
        count = mnl_socket_recvfrom(netlink->socket, netlink->buffer, mrp_netlink_buffer_size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    netlink->next = (const struct nlmsghdr *)netlink->buffer;
    netlink->left = (int)count;
    return 0;
}

const struct nlmsghdr *mrp_netlink_take(struct mrp_netlink *netlink) {
    if (netlink->left <= 0 || !mnl_nlmsg_ok(netlink->next, netlink->left)) {
        netlink->left = 0;
        return NULL;
    }
    const struct nlmsghdr *message = netlink->next;
    netlink->next = mnl_nlmsg_next(message, &netlink->left);
    return message;
}

int mrp_netlink_ask(
    struct mrp_netlink *netlink, const struct nlmsghdr *request, int (*answer)(const struct nlmsghdr *, void *),
    void *context) {
    uint32_t sequence = request->nlmsg_seq;
    bool interrupted = false;
    int failed = mrp_netlink_send(netlink, request, request->nlmsg_len);
    if (failed) return failed;
    for (;;) {
        failed = mrp_netlink_receive(netlink);
        if (failed) return failed;
        for (const struct nlmsghdr *message; (message = mrp_netlink_take(netlink));) {
            if (message->nlmsg_seq != sequence || message->nlmsg_pid != netlink->port) continue;
            if (message->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
            if (message->nlmsg_type == NLMSG_DONE) return interrupted ? -ESTALE : 0;
            if (message->nlmsg_type == NLMSG_ERROR) {
                return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
            }
            failed = answer(message, context);
            if (failed) return failed;
            if (!(message->nlmsg_flags & NLM_F_MULTI)) return 0;
        }
    }
}

void mrp_netlink_put_address(struct nlmsghdr *message, uint16_t type, struct mrp_endpoint address) {
    if (address.family == 4) {
        mnl_attr_put_u32(message, type, htonl((uint32_t)address.low));
    } else if (address.family == 6) {
        uint64_t words[2] = {htobe64(address.high), htobe64(address.low)};
        mnl_attr_put(message, type, sizeof words, words);
    }
}

struct mrp_endpoint mrp_netlink_address(const struct nlattr *attribute) {
    struct mrp_endpoint address = {0};
    if (mnl_attr_get_payload_len(attribute) == 4) {
        address.family = 4;
        address.low = ntohl(mnl_attr_get_u32(attribute));
    } else if (mnl_attr_get_payload_len(attribute) == 16) {
        uint64_t words[2];
        memcpy(words, mnl_attr_get_payload(attribute), sizeof words);
        address.family = 6;
        address.high = be64toh(words[0]);
        address.low = be64toh(words[1]);
    }
    return address;
}
