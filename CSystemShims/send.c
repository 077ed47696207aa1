#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "endpoint.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

union segment_control {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
};

static void attach_segment_size(struct msghdr *header, union segment_control *control, uint16_t segment_size) {
    header->msg_control = control->bytes;
    header->msg_controllen = sizeof control->bytes;
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof segment_size);
    memcpy(CMSG_DATA(c), &segment_size, sizeof segment_size);
}

ssize_t mrp_send_datagram(
    int fd, const void *bytes, size_t length, uint16_t segment_size, struct mrp_endpoint destination) {
    struct sockaddr_storage storage;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    union segment_control control = {0};
    header.msg_namelen = mrp_endpoint_to_sockaddr(destination, &storage);
    header.msg_name = header.msg_namelen ? &storage : NULL;
    if (segment_size > 0) attach_segment_size(&header, &control, segment_size);
    ssize_t sent = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

ssize_t mrp_send_on_interface(
    int fd, const void *bytes, size_t length, struct mrp_endpoint destination, uint32_t ifindex, uint32_t source) {
    struct sockaddr_storage storage;
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = length};
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct in_pktinfo info = {.ipi_ifindex = (int)ifindex, .ipi_spec_dst.s_addr = htonl(source)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(c), &info, sizeof info);
    header.msg_namelen = mrp_endpoint_to_sockaddr(destination, &storage);
    header.msg_name = &storage;
    ssize_t sent = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

struct mrp_send_batch {
    uint32_t capacity;
    struct mmsghdr *messages;
    struct iovec *vectors;
    struct sockaddr_storage *destinations;
    union segment_control *controls;
};

void mrp_send_batch_destroy(struct mrp_send_batch *batch) {
    if (!batch) return;
    free(batch->messages);
    free(batch->vectors);
    free(batch->destinations);
    free(batch->controls);
    free(batch);
}

struct mrp_send_batch *mrp_send_batch_create(uint32_t capacity) {
    struct mrp_send_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return NULL;
    batch->capacity = capacity;
    batch->messages = calloc(capacity, sizeof *batch->messages);
    batch->vectors = calloc(capacity, sizeof *batch->vectors);
    batch->destinations = calloc(capacity, sizeof *batch->destinations);
    batch->controls = calloc(capacity, sizeof *batch->controls);
    if (!batch->messages || !batch->vectors || !batch->destinations || !batch->controls) {
        mrp_send_batch_destroy(batch);
        return NULL;
    }
    return batch;
}

void mrp_send_batch_put(
    struct mrp_send_batch *batch, uint32_t index, const void *bytes, size_t length, uint16_t segment_size,
    struct mrp_endpoint destination) {
    struct msghdr *header = &batch->messages[index].msg_hdr;
    memset(header, 0, sizeof *header);
    batch->vectors[index].iov_base = (void *)bytes;
    batch->vectors[index].iov_len = length;
    header->msg_iov = &batch->vectors[index];
    header->msg_iovlen = 1;
    header->msg_namelen = mrp_endpoint_to_sockaddr(destination, &batch->destinations[index]);
    header->msg_name = header->msg_namelen ? &batch->destinations[index] : NULL;
    if (segment_size > 0) attach_segment_size(header, &batch->controls[index], segment_size);
}

int mrp_send_batch_flush(struct mrp_send_batch *batch, int fd, uint32_t first, uint32_t count) {
    int sent = sendmmsg(fd, batch->messages + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}
