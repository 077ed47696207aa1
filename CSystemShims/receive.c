#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "endpoint.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { control_size = 256 };

struct mrp_receive_batch {
    uint32_t capacity;
    uint32_t buffer_size;
    uint32_t used;  // messages whose lengths the kernel may have written since they were set
    struct mmsghdr *messages;
    struct iovec *vectors;
    struct sockaddr_storage *sources;
    uint8_t *controls;
    uint8_t *buffers;
};

void mrp_receive_batch_destroy(struct mrp_receive_batch *batch) {
    if (!batch) return;
    free(batch->messages);
    free(batch->vectors);
    free(batch->sources);
    free(batch->controls);
    free(batch->buffers);
    free(batch);
}

struct mrp_receive_batch *mrp_receive_batch_create(uint32_t capacity, uint32_t buffer_size) {
    struct mrp_receive_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->capacity = capacity;
    batch->buffer_size = buffer_size;
    batch->used = capacity;
    batch->messages = calloc(capacity, sizeof *batch->messages);
    batch->vectors = calloc(capacity, sizeof *batch->vectors);
    batch->sources = calloc(capacity, sizeof *batch->sources);
    batch->controls = calloc(capacity, control_size);
    batch->buffers = calloc(capacity, buffer_size);
    if (!batch->messages || !batch->vectors || !batch->sources || !batch->controls || !batch->buffers) {
        mrp_receive_batch_destroy(batch);
        return NULL;
    }
    for (uint32_t i = 0; i < capacity; i++) {
        batch->vectors[i].iov_base = batch->buffers + (size_t)i * buffer_size;
        batch->vectors[i].iov_len = buffer_size;
        struct msghdr *header = &batch->messages[i].msg_hdr;
        header->msg_iov = &batch->vectors[i];
        header->msg_iovlen = 1;
        header->msg_name = &batch->sources[i];
        header->msg_control = batch->controls + (size_t)i * control_size;
    }
    return batch;
}

int mrp_receive_batch_fill(struct mrp_receive_batch *batch, int fd) {
    for (uint32_t i = 0; i < batch->used; i++) {
        // The kernel wrote the lengths of the last round here.
        batch->messages[i].msg_hdr.msg_namelen = sizeof *batch->sources;
        batch->messages[i].msg_hdr.msg_controllen = control_size;
    }
    int count = recvmmsg(fd, batch->messages, batch->capacity, MSG_DONTWAIT, NULL);
    // A message that could not be received may have been written to as well.
    batch->used = count < 0 ? 1 : (uint32_t)count + 1 < batch->capacity ? (uint32_t)count + 1 : batch->capacity;
    return count < 0 ? -errno : count;
}

static void read_control(struct msghdr *header, struct mrp_datagram *datagram) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            datagram->ifindex = (uint32_t)info.ipi_ifindex;
            datagram->destination.family = 4;
            datagram->destination.low = ntohl(info.ipi_addr.s_addr);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct sockaddr_storage storage = {0};
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            storage.ss_family = AF_INET6;
            ((struct sockaddr_in6 *)&storage)->sin6_addr = info.ipi6_addr;
            datagram->destination = mrp_endpoint_from_sockaddr(&storage);
            datagram->ifindex = info.ipi6_ifindex;
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            datagram->segment_size = (uint32_t)size;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec time;
            memcpy(&time, CMSG_DATA(c), sizeof time);
            datagram->received_nanoseconds = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
        }
    }
}

struct mrp_datagram mrp_receive_batch_at(const struct mrp_receive_batch *batch, uint32_t index) {
    struct mmsghdr *message = &batch->messages[index];
    struct mrp_datagram datagram = {0};
    datagram.bytes = batch->vectors[index].iov_base;
    datagram.length = message->msg_len < batch->buffer_size ? message->msg_len : batch->buffer_size;
    datagram.truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    if (message->msg_hdr.msg_namelen > 0) {
        datagram.source = mrp_endpoint_from_sockaddr(&batch->sources[index]);
    }
    read_control(&message->msg_hdr, &datagram);
    return datagram;
}
