#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "network.h"

struct mrp_network {
    struct nl_sock *socket;
};

int mrp_network_open(struct mrp_network **opened) {
    struct mrp_network *network = calloc(1, sizeof *network);
    if (!network) return -ENOMEM;
    network->socket = nl_socket_alloc();
    int failed = network->socket ? nl_connect(network->socket, NETLINK_ROUTE) : -NLE_NOMEM;
    if (failed) {
        mrp_network_close(network);
        return mrp_network_errno(failed);
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
    return failed ? mrp_network_errno(failed) : collect(cache, sizeof **links, mrp_network_read_link, (void **)links);
}

int mrp_network_addresses(struct mrp_network *network, struct mrp_interface_address **addresses) {
    struct nl_cache *cache;
    int failed = rtnl_addr_alloc_cache(network->socket, &cache);
    return failed ? mrp_network_errno(failed) : collect(cache, sizeof **addresses, mrp_network_read_address, (void **)addresses);
}

int mrp_network_neighbors(struct mrp_network *network, struct mrp_neighbor **neighbors) {
    struct nl_cache *cache;
    int failed = rtnl_neigh_alloc_cache(network->socket, &cache);
    return failed ? mrp_network_errno(failed) : collect(cache, sizeof **neighbors, mrp_network_read_neighbor, (void **)neighbors);
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
    return mrp_network_errno(failed);
}

int mrp_network_delete_link(struct mrp_network *network, uint32_t ifindex) {
    struct rtnl_link *link = rtnl_link_alloc();
    if (!link) return -ENOMEM;
    rtnl_link_set_ifindex(link, (int)ifindex);
    int failed = rtnl_link_delete(network->socket, link);
    rtnl_link_put(link);
    return mrp_network_errno(failed);
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
    return mrp_network_errno(failed);
}

int mrp_network_set_up(struct mrp_network *network, uint32_t ifindex, bool up) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change && up) rtnl_link_set_flags(change, IFF_UP);
    if (change && !up) rtnl_link_unset_flags(change, IFF_UP);
    return change_link(network, ifindex, change);
}

int mrp_network_set_mtu(struct mrp_network *network, uint32_t ifindex, uint32_t mtu) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change) rtnl_link_set_mtu(change, mtu);
    return change_link(network, ifindex, change);
}

int mrp_network_make_quiet(struct mrp_network *network, uint32_t ifindex) {
    struct rtnl_link *change = rtnl_link_alloc();
    if (change && rtnl_link_inet6_set_addr_gen_mode(change, rtnl_link_inet6_str2addrgenmode("none")) < 0) {
        rtnl_link_put(change);
        return -EOPNOTSUPP;
    }
    int failed = change_link(network, ifindex, change);
    // A host without IPv6 is quiet already.
    return failed == -EAFNOSUPPORT ? 0 : failed;
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
    return mrp_network_errno(failed);
}
