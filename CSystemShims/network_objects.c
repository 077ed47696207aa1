#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "network.h"

int mrp_network_errno(int error) {
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

bool mrp_network_read_link(struct nl_object *object, void *item) {
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

bool mrp_network_read_address(struct nl_object *object, void *item) {
    struct rtnl_addr *address = (struct rtnl_addr *)object;
    struct mrp_interface_address *result = item;
    memset(result, 0, sizeof *result);
    result->ifindex = (uint32_t)rtnl_addr_get_ifindex(address);
    result->address = endpoint_of(rtnl_addr_get_local(address));
    result->prefix_length = (uint8_t)rtnl_addr_get_prefixlen(address);
    result->is_secondary = (rtnl_addr_get_flags(address) & IFA_F_SECONDARY) != 0;
    return result->address.family != 0;
}

bool mrp_network_read_neighbor(struct nl_object *object, void *item) {
    struct rtnl_neigh *neighbor = (struct rtnl_neigh *)object;
    struct mrp_neighbor *result = item;
    const int unusable = NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP;  // the last are computed, such as of groups
    memset(result, 0, sizeof *result);
    result->ifindex = (uint32_t)rtnl_neigh_get_ifindex(neighbor);
    result->address = endpoint_of(rtnl_neigh_get_dst(neighbor));
    if (result->address.family == 0 || rtnl_neigh_get_state(neighbor) & unusable) return false;
    return hardware_address_of(rtnl_neigh_get_lladdr(neighbor), &result->hardware_address);
}
