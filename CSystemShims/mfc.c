#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "mfc.h"

_Static_assert(sizeof(struct mrp_mfc_change) == 20, "laid out without gaps");

enum {
    nexthops_in_message = mrp_mfc_output_limit - 1,  // the kernel refuses a 32nd
    // Headers, four attributes of a number, and the next hops.
    largest_change = 16 + 12 + 4 * 8 + 4 + nexthops_in_message * 8,
};
_Static_assert(largest_change * mrp_mfc_batch_limit <= mrp_netlink_buffer_size, "a batch fits the buffer");

static void put_outputs(struct nlmsghdr *message, uint32_t outputs) {
    // The position in this list is the VIF's number, `rtnh_hops` the TTL threshold; 0 means "not there".
    struct rtnexthop hops[nexthops_in_message];
    unsigned int count = 0;
    memset(hops, 0, sizeof hops);
    for (unsigned int vif = 0; vif < nexthops_in_message; vif++) {
        hops[vif].rtnh_len = sizeof hops[vif];
        if (outputs >> vif & 1) {
            hops[vif].rtnh_hops = 1;
            count = vif + 1;
        }
    }
    if (count > 0) mnl_attr_put(message, RTA_MULTIPATH, count * sizeof hops[0], hops);
}

static size_t write_change(
    char *bytes, uint32_t sequence, uint32_t table, const struct mrp_mfc_change *change, bool is_last) {
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    message->nlmsg_type = change->remove ? RTM_DELROUTE : RTM_NEWROUTE;
    message->nlmsg_flags = NLM_F_REQUEST | (change->remove ? 0 : NLM_F_CREATE | NLM_F_REPLACE);
    // An error is reported whatever the flags say; the last message's answer ends the wait.
    if (is_last) message->nlmsg_flags |= NLM_F_ACK;
    message->nlmsg_seq = sequence;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
    route->rtm_family = RTNL_FAMILY_IPMR;
    route->rtm_dst_len = 32;
    route->rtm_src_len = change->source ? 32 : 0;
    route->rtm_type = RTN_MULTICAST;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    // The owner's protocol: the entry goes with the routing socket. Any other would outlive it as a static entry.
    route->rtm_protocol = RTPROT_MROUTED;
    mnl_attr_put_u32(message, RTA_TABLE, mrp_netlink_table(table));
    if (change->source) mnl_attr_put_u32(message, RTA_SRC, htonl(change->source));
    mnl_attr_put_u32(message, RTA_DST, htonl(change->group));
    if (!change->remove) {
        mnl_attr_put_u32(message, RTA_IIF, change->input_ifindex);
        put_outputs(message, change->outputs);
    }
    return message->nlmsg_len;
}

static int await_results(struct mrp_netlink *netlink, uint32_t first, uint32_t count, int32_t *results) {
    for (;;) {
        int failed = mrp_netlink_receive(netlink);
        if (failed) return failed;
        for (const struct nlmsghdr *message; (message = mrp_netlink_take(netlink));) {
            uint32_t index = message->nlmsg_seq - first;
            if (message->nlmsg_type != NLMSG_ERROR || index >= count) continue;
            results[index] = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
            if (index == count - 1) return 0;
        }
    }
}

static int apply_batch(
    struct mrp_netlink *netlink, uint32_t table, const struct mrp_mfc_change *changes, uint32_t count,
    int32_t *results) {
    uint32_t first = netlink->sequence + 1;
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!changes[i].remove && (changes[i].outputs >> nexthops_in_message || !changes[i].input_ifindex)) {
            return -EINVAL;
        }
        length += write_change(netlink->buffer + length, first + i, table, &changes[i], i == count - 1);
        results[i] = 0;
    }
    netlink->sequence += count;
    netlink->left = 0;
    int failed = mrp_netlink_send(netlink, netlink->buffer, length);
    return failed ? failed : await_results(netlink, first, count, results);
}

int mrp_mfc_apply(
    struct mrp_netlink *netlink, uint32_t table, const struct mrp_mfc_change *changes, uint32_t count,
    int32_t *results) {
    for (uint32_t done = 0; done < count;) {
        uint32_t part = count - done < mrp_mfc_batch_limit ? count - done : mrp_mfc_batch_limit;
        int failed = apply_batch(netlink, table, changes + done, part, results + done);
        if (failed) return failed;
        done += part;
    }
    return 0;
}
