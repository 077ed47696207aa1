#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink.h"
// After <netinet/in.h>, whose structs it would define a second time.
#include <linux/mroute.h>

_Static_assert(mrp_mfc_output_limit == MAXVIFS, "the kernel's number of VIFs");
_Static_assert(sizeof(struct mrp_mfc_change) == 20, "laid out without gaps");

enum {
    nexthops_in_message = MAXVIFS - 1,  // the kernel refuses a 32nd
    // Headers, four attributes of a number, and the next hops.
    largest_change = 16 + 12 + 4 * 8 + 4 + nexthops_in_message * 8,
};
_Static_assert(largest_change * mrp_mfc_batch_limit <= mrp_netlink_buffer_size, "a batch fits the buffer");

// MRT_TABLE's "none given" and netlink's name for the table it means.
static uint32_t netlink_table(uint32_t table) { return table == 0 ? RT_TABLE_DEFAULT : table; }
static uint32_t mroute_table(uint32_t table) { return table == RT_TABLE_DEFAULT ? 0 : table; }

uint32_t mrp_mfc_notification_group(int which) {
    return which == mrp_mfc_group_upcalls ? RTNLGRP_IPV4_MROUTE_R : RTNLGRP_IPV4_MROUTE;
}

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
    mnl_attr_put_u32(message, RTA_TABLE, netlink_table(table));
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

static void read_outputs(const struct nlattr *attribute, struct mrp_mfc_entry *entry) {
    const char *bytes = mnl_attr_get_payload(attribute);
    size_t left = mnl_attr_get_payload_len(attribute);
    struct rtnexthop hop;
    while (left >= sizeof hop && entry->output_count < mrp_mfc_output_limit) {
        memcpy(&hop, bytes, sizeof hop);
        if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) return;
        entry->outputs[entry->output_count++] = (uint32_t)hop.rtnh_ifindex;
        bytes += hop.rtnh_len;
        left -= hop.rtnh_len;
    }
}

static int read_attribute(const struct nlattr *attribute, void *context) {
    struct mrp_mfc_entry *entry = context;
    size_t length = mnl_attr_get_payload_len(attribute);
    uint16_t type = mnl_attr_get_type(attribute);
    if (length >= 4 && type == RTA_TABLE) entry->table = mroute_table(mnl_attr_get_u32(attribute));
    if (length >= 4 && type == RTA_SRC) entry->source = ntohl(mnl_attr_get_u32(attribute));
    if (length >= 4 && type == RTA_DST) entry->group = ntohl(mnl_attr_get_u32(attribute));
    if (length >= 4 && type == RTA_IIF) entry->input_ifindex = mnl_attr_get_u32(attribute);
    if (type == RTA_MULTIPATH) read_outputs(attribute, entry);
    if (length >= 8 && type == RTA_EXPIRES) entry->idle_centiseconds = mnl_attr_get_u64(attribute);
    struct rta_mfc_stats statistics;
    if (length >= sizeof statistics && type == RTA_MFC_STATS) {
        memcpy(&statistics, mnl_attr_get_payload(attribute), sizeof statistics);
        entry->packets = statistics.mfcs_packets;
        entry->bytes = statistics.mfcs_bytes;
        entry->wrong_interface = statistics.mfcs_wrong_if;
    }
    return MNL_CB_OK;
}

static bool read_entry(const struct nlmsghdr *message, struct mrp_mfc_entry *entry) {
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof *route || route->rtm_family != RTNL_FAMILY_IPMR) return false;
    memset(entry, 0, sizeof *entry);
    entry->unresolved = (route->rtm_flags & RTNH_F_UNRESOLVED) != 0;
    entry->is_static = route->rtm_protocol == RTPROT_STATIC;
    mnl_attr_parse(message, sizeof *route, read_attribute, entry);
    return true;
}

int mrp_mfc_dump_start(struct mrp_netlink *netlink, uint32_t table) {
    struct nlmsghdr *request = mrp_netlink_request(netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));
    ((struct rtmsg *)mnl_nlmsg_get_payload(request))->rtm_family = RTNL_FAMILY_IPMR;
    mnl_attr_put_u32(request, RTA_TABLE, netlink_table(table));
    netlink->dump_interrupted = false;
    return mrp_netlink_send(netlink, request, request->nlmsg_len);
}

int mrp_mfc_dump_next(struct mrp_netlink *netlink, struct mrp_mfc_entry *entries, uint32_t capacity) {
    uint32_t count = 0;
    while (count < capacity) {
        const struct nlmsghdr *message = mrp_netlink_take(netlink);
        if (!message) {
            if (count > 0) return (int)count;
            int failed = mrp_netlink_receive(netlink);
            if (failed) return failed;
            continue;
        }
        if (message->nlmsg_seq != netlink->sequence) continue;
        if (message->nlmsg_flags & NLM_F_DUMP_INTR) netlink->dump_interrupted = true;
        if (message->nlmsg_type == NLMSG_ERROR) {
            return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
        }
        if (message->nlmsg_type == NLMSG_DONE) {
            // Found again by the next call, which then has nothing to hand out.
            if (count > 0) {
                netlink->next = message;
                netlink->left = (int)message->nlmsg_len;
                return (int)count;
            }
            return netlink->dump_interrupted ? -ESTALE : 0;
        }
        if (message->nlmsg_type == RTM_NEWROUTE && read_entry(message, &entries[count])) count++;
    }
    return (int)count;
}

static int read_upcall_attribute(const struct nlattr *attribute, void *context) {
    struct mrp_mfc_event *event = context;
    size_t length = mnl_attr_get_payload_len(attribute);
    uint16_t type = mnl_attr_get_type(attribute);
    if (length >= 1 && type == IPMRA_CREPORT_MSGTYPE) event->upcall_type = mnl_attr_get_u8(attribute);
    if (length >= 4 && type == IPMRA_CREPORT_VIF_ID) event->upcall_vif = mnl_attr_get_u32(attribute);
    if (length >= 4 && type == IPMRA_CREPORT_SRC_ADDR) event->entry.source = ntohl(mnl_attr_get_u32(attribute));
    if (length >= 4 && type == IPMRA_CREPORT_DST_ADDR) event->entry.group = ntohl(mnl_attr_get_u32(attribute));
    if (length >= 4 && type == IPMRA_CREPORT_TABLE) event->entry.table = mroute_table(mnl_attr_get_u32(attribute));
    return MNL_CB_OK;
}

static bool read_event(const struct nlmsghdr *message, struct mrp_mfc_event *event) {
    switch (message->nlmsg_type) {
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        event->kind = message->nlmsg_type == RTM_NEWROUTE ? mrp_mfc_event_set : mrp_mfc_event_removed;
        return read_entry(message, &event->entry);
    case RTM_NEWCACHEREPORT:
        memset(event, 0, sizeof *event);
        event->kind = mrp_mfc_event_upcall;
        mnl_attr_parse(message, sizeof(struct rtgenmsg), read_upcall_attribute, event);
        return true;
    default:
        return false;
    }
}

int mrp_mfc_events_receive(struct mrp_netlink *netlink, struct mrp_mfc_event *events, uint32_t capacity) {
    uint32_t count = 0;
    while (count < capacity) {
        const struct nlmsghdr *message = mrp_netlink_take(netlink);
        if (message) {
            if (read_event(message, &events[count])) count++;
            continue;
        }
        int failed = mrp_netlink_receive(netlink);
        // What was read first is handed out first; a lasting failure shows again.
        if (failed == -EAGAIN && count > 0) return (int)count;
        if (failed) return failed;
    }
    return (int)count;
}

struct vif_list {
    struct mrp_mfc_vif *vifs;
    uint32_t capacity;
    uint32_t count;
    uint32_t wanted_table;
    uint32_t table;
};

static int read_vif_attribute(const struct nlattr *attribute, void *context) {
    struct mrp_mfc_vif *vif = context;
    size_t length = mnl_attr_get_payload_len(attribute);
    uint16_t type = mnl_attr_get_type(attribute);
    if (length >= 4 && type == IPMRA_VIFA_IFINDEX) vif->ifindex = mnl_attr_get_u32(attribute);
    if (length >= 4 && type == IPMRA_VIFA_VIF_ID) vif->vif = mnl_attr_get_u32(attribute);
    if (length >= 8 && type == IPMRA_VIFA_PACKETS_IN) vif->packets_in = mnl_attr_get_u64(attribute);
    if (length >= 8 && type == IPMRA_VIFA_BYTES_IN) vif->bytes_in = mnl_attr_get_u64(attribute);
    if (length >= 8 && type == IPMRA_VIFA_PACKETS_OUT) vif->packets_out = mnl_attr_get_u64(attribute);
    if (length >= 8 && type == IPMRA_VIFA_BYTES_OUT) vif->bytes_out = mnl_attr_get_u64(attribute);
    return MNL_CB_OK;
}

static int read_vifs(const struct nlattr *attribute, void *context) {
    struct vif_list *list = context;
    if (mnl_attr_get_type(attribute) != IPMRA_VIF || list->count == list->capacity) return MNL_CB_OK;
    struct mrp_mfc_vif *vif = &list->vifs[list->count++];
    memset(vif, 0, sizeof *vif);
    vif->table = list->table;
    return mnl_attr_parse_nested(attribute, read_vif_attribute, vif);
}

static int read_table(const struct nlattr *attribute, void *context) {
    struct vif_list *list = context;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type == IPMRA_TABLE_ID) list->table = mnl_attr_get_u32(attribute);
    if (type == IPMRA_TABLE_VIFS && list->table == list->wanted_table) {
        return mnl_attr_parse_nested(attribute, read_vifs, list);
    }
    return MNL_CB_OK;
}

static int find_table(const struct nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) != IFLA_AF_SPEC) return MNL_CB_OK;
    return mnl_attr_parse_nested(attribute, read_table, context);
}

static int read_table_message(const struct nlmsghdr *message, void *context) {
    ((struct vif_list *)context)->table = 0;
    mnl_attr_parse(message, sizeof(struct ifinfomsg), find_table, context);
    return 0;
}

int mrp_mfc_vifs(struct mrp_netlink *netlink, uint32_t table, struct mrp_mfc_vif *vifs, uint32_t capacity) {
    struct vif_list list = {.vifs = vifs, .capacity = capacity, .wanted_table = netlink_table(table)};
    struct nlmsghdr *request = mrp_netlink_request(netlink, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_family = RTNL_FAMILY_IPMR;
    int failed = mrp_netlink_ask(netlink, request, read_table_message, &list);
    return failed ? failed : (int)list.count;
}
