#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "mfc.h"
// After <netinet/in.h>, whose structs it would define a second time.
#include <linux/mroute.h>

_Static_assert(mrp_mfc_output_limit == MAXVIFS, "the kernel's number of VIFs");

uint32_t mrp_mfc_notification_group(int which) {
    return which == mrp_mfc_group_upcalls ? RTNLGRP_IPV4_MROUTE_R : RTNLGRP_IPV4_MROUTE;
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
    if (length >= 4 && type == RTA_TABLE) entry->table = mrp_mroute_table(mnl_attr_get_u32(attribute));
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
    mnl_attr_put_u32(request, RTA_TABLE, mrp_netlink_table(table));
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
    if (length >= 4 && type == IPMRA_CREPORT_TABLE) event->entry.table = mrp_mroute_table(mnl_attr_get_u32(attribute));
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
