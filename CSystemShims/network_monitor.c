#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "network.h"

struct mrp_network_monitor {
    struct nl_sock *socket;
    struct mrp_network_event *events;
    uint32_t capacity;
    uint32_t count;
    bool overflowed;
};

static struct mrp_network_event *next_event(struct mrp_network_monitor *monitor, uint32_t kind) {
    if (monitor->count == monitor->capacity) {
        monitor->overflowed = true;
        return NULL;
    }
    struct mrp_network_event *event = &monitor->events[monitor->count];
    memset(event, 0, sizeof *event);
    event->kind = kind;
    return event;
}

struct event_reader {
    struct mrp_network_monitor *monitor;
    uint32_t kind;
};

static void read_event_object(struct nl_object *object, void *context) {
    struct event_reader *reader = context;
    struct mrp_network_event *event = next_event(reader->monitor, reader->kind);
    if (!event) return;
    bool is_link = reader->kind == mrp_network_link_set || reader->kind == mrp_network_link_removed;
    bool is_usable = is_link ? mrp_network_read_link(object, &event->link) : mrp_network_read_address(object, &event->address);
    if (is_usable) reader->monitor->count++;
}

// A bridge's message about its port: removal there means that the port left, not that the link is gone. The link's own
// message tells the same.
static bool is_about_bridge_port(const struct nlmsghdr *header) {
    const struct ifinfomsg *link = nlmsg_data(header);
    return nlmsg_valid_hdr(header, sizeof *link) && link->ifi_family == AF_BRIDGE;
}

static int receive_message(struct nl_msg *message, void *context) {
    struct mrp_network_monitor *monitor = context;
    struct event_reader reader = {.monitor = monitor};
    const struct nlmsghdr *header = nlmsg_hdr(message);
    switch (header->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (is_about_bridge_port(header)) return NL_OK;
        reader.kind = header->nlmsg_type == RTM_NEWLINK ? mrp_network_link_set : mrp_network_link_removed;
        break;
    case RTM_NEWADDR: reader.kind = mrp_network_address_set; break;
    case RTM_DELADDR: reader.kind = mrp_network_address_removed; break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWRULE:
    case RTM_DELRULE:
        // One is as good as a thousand: whoever cares looks its routes up again.
        if (monitor->count > 0 && monitor->events[monitor->count - 1].kind == mrp_network_routes_changed) {
            return NL_OK;
        }
        if (next_event(monitor, mrp_network_routes_changed)) monitor->count++;
        return NL_OK;
    default: return NL_OK;
    }
    nl_msg_parse(message, read_event_object, &reader);
    return NL_OK;
}

int mrp_network_monitor_open(struct mrp_network_monitor **opened) {
    struct mrp_network_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor) return -ENOMEM;
    monitor->socket = nl_socket_alloc();
    int failed = -NLE_NOMEM;
    if (monitor->socket) {
        nl_socket_disable_seq_check(monitor->socket);
        nl_socket_modify_cb(monitor->socket, NL_CB_VALID, NL_CB_CUSTOM, receive_message, monitor);
        failed = nl_connect(monitor->socket, NETLINK_ROUTE);
    }
    if (!failed) {
        int size = 4 << 20;
        setsockopt(nl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        failed = nl_socket_add_memberships(
            monitor->socket, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
            RTNLGRP_IPV4_RULE, 0);
    }
    if (!failed) failed = nl_socket_set_nonblocking(monitor->socket);
    if (failed) {
        mrp_network_monitor_close(monitor);
        return mrp_network_errno(failed);
    }
    *opened = monitor;
    return 0;
}

void mrp_network_monitor_close(struct mrp_network_monitor *monitor) {
    if (!monitor) return;
    if (monitor->socket) nl_socket_free(monitor->socket);
    free(monitor);
}

int mrp_network_monitor_descriptor(const struct mrp_network_monitor *monitor) {
    return nl_socket_get_fd(monitor->socket);
}

int mrp_network_monitor_receive(
    struct mrp_network_monitor *monitor, struct mrp_network_event *events, uint32_t capacity) {
    monitor->events = events;
    monitor->capacity = capacity;
    monitor->count = 0;
    monitor->overflowed = false;
    int failed = 0;
    // A datagram holds few messages; half the room is left for the one that holds many.
    while (!failed && monitor->count <= capacity / 2 && !monitor->overflowed) {
        failed = mrp_network_errno(nl_recvmsgs_default(monitor->socket));
    }
    if (monitor->overflowed) return -ENOBUFS;
    if (failed == -EAGAIN && monitor->count > 0) return (int)monitor->count;
    return failed ? failed : (int)monitor->count;
}
