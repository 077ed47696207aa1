#pragma once

#include <stdbool.h>
#include <stdint.h>

// The multicast routing socket (ip-mroute): a raw IGMP socket that owns one routing table's VIFs and entries.

enum { mrp_mroute_vif_limit = 32 };

// `table` 0 is the default one. EADDRINUSE when another socket, or a duplicate of this one, owns the table.
int mrp_mroute_init(int fd, uint32_t table);
// Reports packets that come in by another interface than their entry's (IGMPMSG_WRONGVIF).
int mrp_mroute_report_wrong_interface(int fd, bool on);
int mrp_mroute_add_vif(int fd, uint16_t vif, uint32_t ifindex);
int mrp_mroute_delete_vif(int fd, uint16_t vif);
// Deletes all entries and VIFs, static ones included.
int mrp_mroute_flush(int fd);
// Every packet sent carries the Router Alert option (RFC 2113).
int mrp_set_router_alert(int fd);
