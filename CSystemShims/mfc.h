#pragma once

#include <linux/rtnetlink.h>

#include "netlink.h"

// MRT_TABLE's "none given" (0) and netlink's name for the table it means.
static inline uint32_t mrp_netlink_table(uint32_t table) { return table == 0 ? RT_TABLE_DEFAULT : table; }
static inline uint32_t mrp_mroute_table(uint32_t table) { return table == RT_TABLE_DEFAULT ? 0 : table; }
