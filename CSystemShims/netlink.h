#pragma once

#include <libmnl/libmnl.h>
#include <netinet/in.h>

#include "mrp_netlink.h"

enum { mrp_netlink_buffer_size = 1 << 16 };

struct mrp_netlink {
    struct mnl_socket *socket;
    unsigned int port;
    uint32_t sequence;
    // What was received and not handed out yet.
    const struct nlmsghdr *next;
    int left;
    bool dump_interrupted;
    char *buffer;
};

// A request at the start of the buffer, numbered; `extra` zeroed bytes follow the header.
struct nlmsghdr *mrp_netlink_request(struct mrp_netlink *netlink, uint16_t type, uint16_t flags, size_t extra);
int mrp_netlink_send(struct mrp_netlink *netlink, const void *bytes, size_t length);
// Receives one datagram into the buffer and points `next` at its first message.
int mrp_netlink_receive(struct mrp_netlink *netlink);
// The next message of what was received, or NULL.
const struct nlmsghdr *mrp_netlink_take(struct mrp_netlink *netlink);
// Sends the request and calls `answer` for every message of the reply but errors, acks and the end. -ESTALE: the table
// changed under a dump, ask again.
int mrp_netlink_ask(
    struct mrp_netlink *netlink, const struct nlmsghdr *request, int (*answer)(const struct nlmsghdr *, void *),
    void *context);

void mrp_netlink_put_address(struct nlmsghdr *message, uint16_t type, struct mrp_endpoint address);
struct mrp_endpoint mrp_netlink_address(const struct nlattr *attribute);
