#pragma once

#include <stdbool.h>
#include <stdint.h>

// Packet sockets (packet(7)): what arrives on one interface, as frames with a virtio-net header before each.

// A non-blocking socket bound to `ifindex` that takes IPv4 UDP to multicast addresses alone: the filter is in place before
// the first packet and cannot be taken off again. Frames that leave by the interface are not seen.
int mrp_packet_open_multicast(uint32_t ifindex);
// What the kernel counted since the last call: frames that passed the filter, and those of them that found the buffer full.
int mrp_packet_statistics(int fd, uint32_t *frames, uint32_t *drops);

enum {
    mrp_vnet_header_size = 10,
    mrp_vnet_needs_checksum = 1,  // the sender left the checksum to hardware that was never passed
    mrp_vnet_data_valid = 2,      // somebody below has verified it
    mrp_vnet_gso_none = 0,
    mrp_vnet_gso_udp = 5,  // datagrams of gso_size under one header
};
