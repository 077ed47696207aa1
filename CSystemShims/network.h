#pragma once

#include <netlink/netlink.h>

#include "mrp_network.h"

// libnl has error numbers of its own and forgets the kernel's errno; these are the ones it makes of it, negated.
int mrp_network_errno(int error);

// Read one object of libnl into our plain struct; false when it says nothing we use.
bool mrp_network_read_link(struct nl_object *object, void *item);
bool mrp_network_read_address(struct nl_object *object, void *item);
bool mrp_network_read_neighbor(struct nl_object *object, void *item);
