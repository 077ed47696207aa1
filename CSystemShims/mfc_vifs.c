#include <linux/if_link.h>
#include <string.h>

#include "mfc.h"
// After <netinet/in.h>, whose structs it would define a second time.
#include <linux/mroute.h>

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
    struct vif_list list = {.vifs = vifs, .capacity = capacity, .wanted_table = mrp_netlink_table(table)};
    struct nlmsghdr *request = mrp_netlink_request(netlink, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_family = RTNL_FAMILY_IPMR;
    int failed = mrp_netlink_ask(netlink, request, read_table_message, &list);
    return failed ? failed : (int)list.count;
}
