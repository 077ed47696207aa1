#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mrp_socket.h"

// Links, addresses and neighbours by libnl-route: dumps, notifications, and the few changes this project makes.

struct mrp_link {
    uint32_t ifindex;
    uint32_t controller;  // the bridge or bond it is a port of, or 0
    uint32_t peer;        // the other end of a veth pair in the same namespace, or 0
    uint32_t mtu;
    uint32_t flags;  // IFF_*
    uint8_t operational_state;  // IF_OPER_*, RFC 2863
    bool has_hardware_address;
    uint64_t hardware_address;
    char name[16];
    char kind[16];
};

struct mrp_interface_address {
    uint32_t ifindex;
    struct mrp_endpoint address;
    uint8_t prefix_length;
    bool is_secondary;
};

struct mrp_neighbor {
    uint32_t ifindex;
    struct mrp_endpoint address;
    uint64_t hardware_address;
};

struct mrp_network;
int mrp_network_open(struct mrp_network **opened);
void mrp_network_close(struct mrp_network *network);

// Dumps into an array that the caller gives back to `mrp_network_free`; the return is its count.
int mrp_network_links(struct mrp_network *network, struct mrp_link **links);
int mrp_network_addresses(struct mrp_network *network, struct mrp_interface_address **addresses);
int mrp_network_neighbors(struct mrp_network *network, struct mrp_neighbor **neighbors);
void mrp_network_free(void *array);

int mrp_network_add_veth(struct mrp_network *network, const char *name, const char *peer_name);
int mrp_network_delete_link(struct mrp_network *network, uint32_t ifindex);
int mrp_network_set_up(struct mrp_network *network, uint32_t ifindex, bool up);
int mrp_network_set_mtu(struct mrp_network *network, uint32_t ifindex, uint32_t mtu);
// The link gets no IPv6 address by itself, and so says nothing of its own.
int mrp_network_make_quiet(struct mrp_network *network, uint32_t ifindex);
// Moves a link into the network namespace that `namespace_fd` is a file of.
int mrp_network_move_link(struct mrp_network *network, uint32_t ifindex, int namespace_fd);
int mrp_network_add_address(
    struct mrp_network *network, uint32_t ifindex, struct mrp_endpoint address, uint8_t prefix_length);

enum {
    mrp_network_link_set = 1,
    mrp_network_link_removed = 2,
    mrp_network_address_set = 3,
    mrp_network_address_removed = 4,
    mrp_network_routes_changed = 5,
};
struct mrp_network_event {
    uint32_t kind;
    struct mrp_link link;
    struct mrp_interface_address address;
};

struct mrp_network_monitor;
int mrp_network_monitor_open(struct mrp_network_monitor **opened);
void mrp_network_monitor_close(struct mrp_network_monitor *monitor);
int mrp_network_monitor_descriptor(const struct mrp_network_monitor *monitor);
// -EAGAIN: nothing there. -ENOBUFS: events were lost, dump anew.
int mrp_network_monitor_receive(
    struct mrp_network_monitor *monitor, struct mrp_network_event *events, uint32_t capacity);
