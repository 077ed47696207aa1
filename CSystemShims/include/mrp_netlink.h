#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mrp_socket.h"

// rtnetlink by libmnl: forwarding entries in batches, their dump and notifications, route and neighbour look-ups.

// A socket with its buffer. `groups` is a list of RTNLGRP numbers; without any the socket is for requests and blocks.
struct mrp_netlink;
int mrp_netlink_open(struct mrp_netlink **opened, const uint32_t *groups, uint32_t group_count);
void mrp_netlink_close(struct mrp_netlink *netlink);
int mrp_netlink_descriptor(const struct mrp_netlink *netlink);

enum { mrp_mfc_group_entries = 0, mrp_mfc_group_upcalls = 1 };
uint32_t mrp_mfc_notification_group(int which);

// One change of the forwarding cache. Bit n of `outputs` is VIF n; VIF 31 cannot be named in a message.
struct mrp_mfc_change {
    uint32_t source;  // 0: any
    uint32_t group;
    uint32_t input_ifindex;
    uint32_t outputs;
    uint32_t remove;
};

enum { mrp_mfc_batch_limit = 100 };
// Applies `count` changes in order, a hundred a system call; `results[n]` is 0 or the negated errno of change n. A
// negative return says that the connection itself failed: what was applied is not known.
int mrp_mfc_apply(
    struct mrp_netlink *netlink, uint32_t table, const struct mrp_mfc_change *changes, uint32_t count,
    int32_t *results);

enum { mrp_mfc_output_limit = 32 };
struct mrp_mfc_entry {
    uint32_t table;
    uint32_t source;
    uint32_t group;
    uint32_t input_ifindex;  // 0: its VIF is gone, or the entry is unresolved
    uint32_t output_count;
    uint32_t outputs[mrp_mfc_output_limit];  // interface numbers
    uint64_t packets;
    uint64_t bytes;
    uint64_t wrong_interface;
    uint64_t idle_centiseconds;
    bool unresolved;
    bool is_static;
};

// Starts a dump, then `next` fills up to `capacity` entries a call and returns how many; 0 ends it. -ESTALE ends it
// too: the table changed under the dump, start again.
int mrp_mfc_dump_start(struct mrp_netlink *netlink, uint32_t table);
int mrp_mfc_dump_next(struct mrp_netlink *netlink, struct mrp_mfc_entry *entries, uint32_t capacity);

enum { mrp_mfc_event_set = 1, mrp_mfc_event_removed = 2, mrp_mfc_event_upcall = 3 };
struct mrp_mfc_event {
    uint32_t kind;
    uint32_t upcall_type;
    uint32_t upcall_vif;
    struct mrp_mfc_entry entry;  // of an upcall: table, source and group alone
};
// -EAGAIN: nothing there. -ENOBUFS: events were lost, dump anew.
int mrp_mfc_events_receive(struct mrp_netlink *netlink, struct mrp_mfc_event *events, uint32_t capacity);

struct mrp_mfc_vif {
    uint32_t table;
    uint32_t vif;
    uint32_t ifindex;
    uint64_t packets_in;
    uint64_t bytes_in;
    uint64_t packets_out;
    uint64_t bytes_out;
};
int mrp_mfc_vifs(struct mrp_netlink *netlink, uint32_t table, struct mrp_mfc_vif *vifs, uint32_t capacity);

struct mrp_route {
    uint32_t ifindex;
    bool is_local;  // the destination is one of our own addresses
    struct mrp_endpoint gateway;
    struct mrp_endpoint preferred_source;
};
int mrp_route_lookup(struct mrp_netlink *netlink, struct mrp_endpoint destination, struct mrp_route *route);
// The link-layer address of a neighbour, in the low 48 bits; -ENOENT when none is known to be valid.
int mrp_neighbor_lookup(
    struct mrp_netlink *netlink, struct mrp_endpoint address, uint32_t ifindex, uint64_t *hardware_address);
