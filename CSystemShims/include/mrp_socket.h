#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/types.h>

// An address with a port. `family` is 4, 6 or 0 for "none"; an IPv4 address is the low 32 bits of `low`.
struct mrp_endpoint {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
    uint8_t family;
};

int mrp_bind(int fd, struct mrp_endpoint local);
int mrp_connect(int fd, struct mrp_endpoint remote);
int mrp_local_endpoint(int fd, struct mrp_endpoint *local);

// Joins or leaves on an interface by number; `source.family` 0 means any source (RFC 3678 §5.1).
int mrp_membership(int fd, bool join, uint32_t ifindex, struct mrp_endpoint group, struct mrp_endpoint source);
// Which interface multicast leaves by; `ifindex` 0 lets the routing table choose.
int mrp_multicast_interface(int fd, uint8_t family, uint32_t ifindex);

// What recvmsg tells about one datagram. `segment_size` is not zero when the kernel merged several datagrams (UDP_GRO).
struct mrp_datagram {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t segment_size;
    uint32_t ifindex;
    bool truncated;
    struct mrp_endpoint source;
    struct mrp_endpoint destination;
    int64_t received_nanoseconds;  // CLOCK_REALTIME, 0 unless SO_TIMESTAMPNS is on
};

// Buffers for recvmmsg, allocated once.
struct mrp_receive_batch;
struct mrp_receive_batch *mrp_receive_batch_create(uint32_t capacity, uint32_t buffer_size);
void mrp_receive_batch_destroy(struct mrp_receive_batch *batch);
int mrp_receive_batch_fill(struct mrp_receive_batch *batch, int fd);
struct mrp_datagram mrp_receive_batch_at(const struct mrp_receive_batch *batch, uint32_t index);

// One datagram, or with `segment_size` > 0 a train the kernel cuts into datagrams (UDP_SEGMENT).
ssize_t mrp_send_datagram(
    int fd, const void *bytes, size_t length, uint16_t segment_size, struct mrp_endpoint destination);
// A raw IPv4 datagram out of one interface, whatever the routing table says (IP_PKTINFO).
ssize_t mrp_send_on_interface(
    int fd, const void *bytes, size_t length, struct mrp_endpoint destination, uint32_t ifindex, uint32_t source);

// Messages for sendmmsg, allocated once; the bytes stay the caller's until the flush.
struct mrp_send_batch;
struct mrp_send_batch *mrp_send_batch_create(uint32_t capacity);
void mrp_send_batch_destroy(struct mrp_send_batch *batch);
void mrp_send_batch_put(
    struct mrp_send_batch *batch, uint32_t index, const void *bytes, size_t length, uint16_t segment_size,
    struct mrp_endpoint destination);
int mrp_send_batch_flush(struct mrp_send_batch *batch, int fd, uint32_t first, uint32_t count);

// Unix sockets. A path that starts with '@' names an abstract socket.
int mrp_unix_bind(int fd, const char *path);
int mrp_unix_connect(int fd, const char *path);
int mrp_accept(int fd);  // the new descriptor is non-blocking and close-on-exec
ssize_t mrp_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, uint32_t count);
// Received descriptors are close-on-exec; those beyond `capacity` are closed and `*count` tells how many came in.
ssize_t mrp_receive_descriptors(
    int fd, void *bytes, size_t length, int *descriptors, uint32_t capacity, uint32_t *count);
int mrp_peer_credentials(int fd, int32_t *pid, uint32_t *uid);
