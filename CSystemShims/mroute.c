#include "mrp_mroute.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
// After <netinet/in.h>, whose structs it would define a second time.
#include <linux/mroute.h>

_Static_assert(mrp_mroute_vif_limit == MAXVIFS, "the kernel's number of VIFs");

static int set_option(int fd, int name, const void *value, socklen_t length) {
    return setsockopt(fd, IPPROTO_IP, name, value, length) < 0 ? -errno : 0;
}

int mrp_mroute_init(int fd, uint32_t table) {
    int one = 1;
    if (table != 0) {
        int failed = set_option(fd, MRT_TABLE, &table, sizeof table);
        if (failed) return failed;
    }
    return set_option(fd, MRT_INIT, &one, sizeof one);
}

int mrp_mroute_report_wrong_interface(int fd, bool on) {
    int value = on ? 1 : 0;
    // PIM mode turns assert mode on too; assert alone would report only interfaces the entry sends to.
    return set_option(fd, MRT_PIM, &value, sizeof value);
}

int mrp_mroute_add_vif(int fd, uint16_t vif, uint32_t ifindex) {
    struct vifctl control = {
        .vifc_vifi = vif, .vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1, .vifc_lcl_ifindex = (int)ifindex};
    return set_option(fd, MRT_ADD_VIF, &control, sizeof control);
}

int mrp_mroute_delete_vif(int fd, uint16_t vif) {
    struct vifctl control = {.vifc_vifi = vif};
    return set_option(fd, MRT_DEL_VIF, &control, sizeof control);
}

int mrp_mroute_flush(int fd) {
    int everything = MRT_FLUSH_MFC | MRT_FLUSH_MFC_STATIC | MRT_FLUSH_VIFS | MRT_FLUSH_VIFS_STATIC;
    return set_option(fd, MRT_FLUSH, &everything, sizeof everything);
}

int mrp_set_router_alert(int fd) {
    // Copied on fragmentation, class 0, number 20, length 4, value 0: routers examine the packet.
    static const uint8_t option[4] = {0x94, 0x04, 0x00, 0x00};
    return set_option(fd, IP_OPTIONS, option, sizeof option);
}
