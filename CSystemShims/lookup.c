#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"

static uint8_t socket_family(struct mrp_endpoint address) { return address.family == 6 ? AF_INET6 : AF_INET; }

static int read_route_attribute(const struct nlattr *attribute, void *context) {
    struct mrp_route *route = context;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type == RTA_OIF && mnl_attr_get_payload_len(attribute) >= 4) route->ifindex = mnl_attr_get_u32(attribute);
    if (type == RTA_GATEWAY) route->gateway = mrp_netlink_address(attribute);
    if (type == RTA_PREFSRC) route->preferred_source = mrp_netlink_address(attribute);
    if (type == RTA_VIA && mnl_attr_get_payload_len(attribute) == sizeof(uint16_t) + 16) {
        // An IPv4 route by way of an IPv6 neighbour: no PIM neighbour of the same family is there.
        route->gateway.family = 0;
    }
    return MNL_CB_OK;
}

static int read_route(const struct nlmsghdr *message, void *context) {
    struct mrp_route *route = context;
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != RTM_NEWROUTE) return 0;
    route->is_local = header->rtm_type == RTN_LOCAL;
    mnl_attr_parse(message, sizeof *header, read_route_attribute, route);
    return 0;
}

int mrp_route_lookup(struct mrp_netlink *netlink, struct mrp_endpoint destination, struct mrp_route *route) {
    memset(route, 0, sizeof *route);
    struct nlmsghdr *request = mrp_netlink_request(netlink, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    header->rtm_family = socket_family(destination);
    header->rtm_dst_len = destination.family == 6 ? 128 : 32;
    mrp_netlink_put_address(request, RTA_DST, destination);
    return mrp_netlink_ask(netlink, request, read_route, route);
}

struct neighbor_answer {
    uint64_t hardware_address;
    bool found;
};

static int read_neighbor_attribute(const struct nlattr *attribute, void *context) {
    struct neighbor_answer *answer = context;
    if (mnl_attr_get_type(attribute) != NDA_LLADDR || mnl_attr_get_payload_len(attribute) != 6) return MNL_CB_OK;
    const uint8_t *bytes = mnl_attr_get_payload(attribute);
    answer->hardware_address = 0;
    for (int i = 0; i < 6; i++) answer->hardware_address = answer->hardware_address << 8 | bytes[i];
    answer->found = true;
    return MNL_CB_OK;
}

static int read_neighbor(const struct nlmsghdr *message, void *context) {
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    const uint16_t valid = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
    if (message->nlmsg_type == RTM_NEWNEIGH && header->ndm_state & valid) {
        mnl_attr_parse(message, sizeof *header, read_neighbor_attribute, context);
    }
    return 0;
}

int mrp_neighbor_lookup(
    struct mrp_netlink *netlink, struct mrp_endpoint address, uint32_t ifindex, uint64_t *hardware_address) {
    struct neighbor_answer answer = {0};
    struct nlmsghdr *request = mrp_netlink_request(netlink, RTM_GETNEIGH, 0, sizeof(struct ndmsg));
    struct ndmsg *header = mnl_nlmsg_get_payload(request);
    header->ndm_family = socket_family(address);
    header->ndm_ifindex = (int)ifindex;
    mrp_netlink_put_address(request, NDA_DST, address);
    int failed = mrp_netlink_ask(netlink, request, read_neighbor, &answer);
    if (failed) return failed;
    if (!answer.found) return -ENOENT;
    *hardware_address = answer.hardware_address;
    return 0;
}
