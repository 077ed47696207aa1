#include "mrp_network.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct mrp_network {
    struct nl_sock *socket;
};

struct mrp_network_monitor {
    struct nl_sock *socket;
    struct mrp_network_event *events;
    uint32_t capacity;
    uint32_t count;
    bool overflowed;
};

// libnl has error numbers of its own and forgets the kernel's errno; these are the ones it makes of it.
static int to_errno(int error) {
    switch (error < 0 ? -error : error) {
    case 0: return 0;
    case NLE_INTR: return -EINTR;
    case NLE_BAD_SOCK: return -EBADF;
    case NLE_AGAIN: return -EAGAIN;
    case NLE_NOMEM: return -ENOBUFS;
    case NLE_EXIST: return -EEXIST;
    case NLE_INVAL: return -EINVAL;
    case NLE_RANGE: return -ERANGE;
    case NLE_MSGSIZE: return -EMSGSIZE;
    case NLE_OPNOTSUPP: return -EOPNOTSUPP;
    case NLE_AF_NOSUPPORT: return -EAFNOSUPPORT;
    case NLE_OBJ_NOTFOUND: return -ENOENT;
    case NLE_NOADDR: return -EADDRNOTAVAIL;
    case NLE_BUSY: return -EBUSY;
    case NLE_NOACCESS: return -EACCES;
    case NLE_PERM: return -EPERM;
    case NLE_NODEV: return -ENODEV;
    default: return -EIO;
    }
}

static struct mrp_endpoint endpoint_of(const struct nl_addr *address) {
    struct mrp_endpoint endpoint = {0};
    if (!address) return endpoint;
    const void *bytes = nl_addr_get_binary_addr(address);
    if (nl_addr_get_family(address) == AF_INET && nl_addr_get_len(address) == 4) {
        uint32_t word;
        memcpy(&word, bytes, sizeof word);
        endpoint.family = 4;
        endpoint.low = ntohl(word);
    } else if (nl_addr_get_family(address) == AF_INET6 && nl_addr_get_len(address) == 16) {
        uint64_t words[2];
        memcpy(words, bytes, sizeof words);
        endpoint.family = 6;
        endpoint.high = be64toh(words[0]);
        endpoint.low = be64toh(words[1]);
    }
    return endpoint;
}

static bool hardware_address_of(const struct nl_addr *address, uint64_t *hardware_address) {
    if (!address || nl_addr_get_len(address) != 6) return false;
    const uint8_t *bytes = nl_addr_get_binary_addr(address);
    *hardware_address = 0;
    for (int i = 0; i < 6; i++) *hardware_address = *hardware_address << 8 | bytes[i];
    return true;
}

static void copy_name(char destination[16], const char *source) {
    if (source) strncpy(destination, source, 15);
}

static bool read_link(struct nl_object *object, void *item) {
    struct rtnl_link *link = (struct rtnl_link *)object;
    struct mrp_link *result = item;
    memset(result, 0, sizeof *result);
    result->ifindex = (uint32_t)rtnl_link_get_ifindex(link);
    result->controller = (uint32_t)rtnl_link_get_master(link);
    int32_t peer_namespace;
    bool peer_is_here = rtnl_link_get_link_netnsid(link, &peer_namespace) != 0;
    result->peer = peer_is_here ? (uint32_t)rtnl_link_get_link(link) : 0;
    result->mtu = rtnl_link_get_mtu(link);
    result->flags = rtnl_link_get_flags(link);
    result->operational_state = rtnl_link_get_operstate(link);
    result->has_hardware_address = hardware_address_of(rtnl_link_get_addr(link), &result->hardware_address);
    copy_name(result->name, rtnl_link_get_name(link));
    copy_name(result->kind, rtnl_link_get_type(link));
    return true;
}

static bool read_address(struct nl_object *object, void *item) {
    struct rtnl_addr *address = (struct rtnl_addr *)object;
    struct mrp_interface_address *result = item;
    memset(result, 0, sizeof *result);
    result->ifindex = (uint32_t)rtnl_addr_get_ifindex(address);
    result->address = endpoint_of(rtnl_addr_get_local(address));
    result->prefix_length = (uint8_t)rtnl_addr_get_prefixlen(address);
    result->is_secondary = (rtnl_addr_get_flags(address) & IFA_F_SECONDARY) != 0;
    return result->address.family != 0;
}

static bool read_neighbor(struct nl_object *object, void *item) {
    struct rtnl_neigh *neighbor = (struct rtnl_neigh *)object;
    struct mrp_neighbor *result = item;
    const int unusable = NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP;  // the last are computed, such as of groups
    memset(result, 0, sizeof *result);
    result->ifindex = (uint32_t)rtnl_neigh_get_ifindex(neighbor);
    result->address = endpoint_of(rtnl_neigh_get_dst(neighbor));
    if (result->address.family == 0 || rtnl_neigh_get_state(neighbor) & unusable) return false;
    return hardware_address_of(rtnl_neigh_get_lladdr(neighbor), &result->hardware_address);
}

int mrp_network_open(struct mrp_network **opened) {
    struct mrp_network *network = calloc(1, sizeof *network);
    if (!network) return -ENOMEM;
    network->socket = nl_socket_alloc();
    int failed = network->socket ? nl_connect(network->socket, NETLINK_ROUTE) : -NLE_NOMEM;
    if (failed) {
        mrp_network_close(network);
        return to_errno(failed);
    }
    *opened = network;
    return 0;
}

void mrp_network_close(struct mrp_network *network) {
    if (!network) return;
    if (network->socket) nl_socket_free(network->socket);
    free(network);
}

static int collect(
    struct nl_cache *cache, size_t size, bool (*read)(struct nl_object *, void *), void **collected) {
    int total = nl_cache_nitems(cache), count = 0;
    char *items = calloc(total > 0 ? (size_t)total : 1, size);
    if (items) {
        for (struct nl_object *object = nl_cache_get_first(cache); object; object = nl_cache_get_next(object)) {
            if (read(object, items + (size_t)count * size)) count++;
        }
    }
    nl_cache_free(cache);
    *collected = items;
    return items ? count : -ENOMEM;
}

int mrp_network_links(struct mrp_network *network, struct mrp_link **links) {
    struct nl_cache *cache;
    int failed = rtnl_link_alloc_cache(network->socket, AF_UNSPEC, &cache);
    return failed ? to_errno(failed) : collect(cache, sizeof **links, read_link, (void **)links);
}

int mrp_network_addresses(struct mrp_network *network, struct mrp_interface_address **addresses) {
    struct nl_cache *cache;
    int failed = rtnl_addr_alloc_cache(network->socket, &cache);
    return failed ? to_errno(failed) : collect(cache, sizeof **addresses, read_address, (void **)addresses);
}

int mrp_network_neighbors(struct mrp_network *network, struct mrp_neighbor **neighbors) {
    struct nl_cache *cache;
    int failed = rtnl_neigh_alloc_cache(network->socket, &cache);
    return failed ? to_errno(failed) : collect(cache, sizeof **neighbors, read_neighbor, (void **)neighbors);
}

void mrp_network_free(void *array) { free(array); }

int mrp_network_add_veth(struct mrp_network *network, const char *name, const char *peer_name) {
    struct rtnl_link *link = rtnl_link_veth_alloc();
    if (!link) return -ENOMEM;
    struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(link, name);
    rtnl_link_set_name(peer, peer_name);
    int failed = rtnl_link_add(network->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    rtnl_link_put(peer);
    rtnl_link_veth_release(link);
    return to_errno(failed);
}

int mrp_network_delete_link(struct mrp_network *network, uint32_t ifindex) {
    struct rtnl_link *link = rtnl_link_alloc();
    if (!link) return -ENOMEM;
    rtnl_link_set_ifindex(link, (int)ifindex);
    int failed = rtnl_link_delete(network->socket, link);
    rtnl_link_put(link);
    return to_errno(failed);
}

static int change_link(struct mrp_network *network, uint32_t ifindex, struct rtnl_link *change) {
    struct rtnl_link *link = rtnl_link_alloc();
    int failed = -NLE_NOMEM;
    if (link && change) {
        rtnl_link_set_ifindex(link, (int)ifindex);
        failed = rtnl_link_change(network->socket, link, change, 0);
    }
    if (link) rtnl_link_put(link);
    if (change) rtnl_link_put(change);
    return to_errno(failed);
}

int mrp_network_set_up(struct mrp_network *network, uint32_t ifindex, bool up) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change && up) rtnl_link_set_flags(change, IFF_UP);
    if (change && !up) rtnl_link_unset_flags(change, IFF_UP);
    return change_link(network, ifindex, change);
}

int mrp_network_move_link(struct mrp_network *network, uint32_t ifindex, int namespace_fd) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change) rtnl_link_set_ns_fd(change, namespace_fd);
    return change_link(network, ifindex, change);
}

int mrp_network_add_address(
    struct mrp_network *network, uint32_t ifindex, struct mrp_endpoint address, uint8_t prefix_length) {
    uint32_t v4 = htonl((uint32_t)address.low);
    uint64_t v6[2] = {htobe64(address.high), htobe64(address.low)};
    bool is_v6 = address.family == 6;
    struct nl_addr *local = nl_addr_build(is_v6 ? AF_INET6 : AF_INET, is_v6 ? (void *)v6 : &v4, is_v6 ? 16 : 4);
    struct rtnl_addr *added = rtnl_addr_alloc();
    int failed = -NLE_NOMEM;
    if (local && added) {
        nl_addr_set_prefixlen(local, prefix_length);
        rtnl_addr_set_ifindex(added, (int)ifindex);
        rtnl_addr_set_local(added, local);
        rtnl_addr_set_prefixlen(added, prefix_length);
        failed = rtnl_addr_add(network->socket, added, NLM_F_CREATE | NLM_F_EXCL);
    }
    if (added) rtnl_addr_put(added);
    if (local) nl_addr_put(local);
    return to_errno(failed);
}

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
    bool is_usable = is_link ? read_link(object, &event->link) : read_address(object, &event->address);
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
        return to_errno(failed);
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
        failed = to_errno(nl_recvmsgs_default(monitor->socket));
    }
    if (monitor->overflowed) return -ENOBUFS;
    if (failed == -EAGAIN && monitor->count > 0) return (int)monitor->count;
    return failed ? failed : (int)monitor->count;
}
