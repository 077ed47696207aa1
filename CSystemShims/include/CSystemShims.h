// What Swift cannot see of Linux, libmnl and libnl-route: macros, flexible arrays, unions and ancillary data.
//
// One rule for every function here: the result is a value >= 0, or a negated errno. Addresses and ports are in host byte
// order. The structs are plain data that this package owns; no type of a C library crosses into Swift.
#pragma once

#include "mrp_mroute.h"
#include "mrp_netlink.h"
#include "mrp_network.h"
#include "mrp_packet.h"
#include "mrp_process.h"
#include "mrp_socket.h"
#include "mrp_stream.h"
