#include "endpoint.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

socklen_t mrp_endpoint_to_sockaddr(struct mrp_endpoint endpoint, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (endpoint.family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(endpoint.port);
        v4->sin_addr.s_addr = htonl((uint32_t)endpoint.low);
        return sizeof *v4;
    }
    if (endpoint.family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
        uint64_t words[2] = {htobe64(endpoint.high), htobe64(endpoint.low)};
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(endpoint.port);
        v6->sin6_scope_id = endpoint.scope;
        memcpy(&v6->sin6_addr, words, sizeof words);
        return sizeof *v6;
    }
    return 0;
}

struct mrp_endpoint mrp_endpoint_from_sockaddr(const struct sockaddr_storage *storage) {
    struct mrp_endpoint endpoint = {0};
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        endpoint.family = 4;
        endpoint.port = ntohs(v4->sin_port);
        endpoint.low = ntohl(v4->sin_addr.s_addr);
    } else if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
        uint64_t words[2];
        memcpy(words, &v6->sin6_addr, sizeof words);
        endpoint.family = 6;
        endpoint.port = ntohs(v6->sin6_port);
        endpoint.scope = v6->sin6_scope_id;
        endpoint.high = be64toh(words[0]);
        endpoint.low = be64toh(words[1]);
    }
    return endpoint;
}

int mrp_bind(int fd, struct mrp_endpoint local) {
    struct sockaddr_storage storage;
    socklen_t length = mrp_endpoint_to_sockaddr(local, &storage);
    return bind(fd, (struct sockaddr *)&storage, length) < 0 ? -errno : 0;
}

int mrp_connect(int fd, struct mrp_endpoint remote) {
    struct sockaddr_storage storage;
    socklen_t length = mrp_endpoint_to_sockaddr(remote, &storage);
    return connect(fd, (struct sockaddr *)&storage, length) < 0 ? -errno : 0;
}

int mrp_local_endpoint(int fd, struct mrp_endpoint *local) {
    struct sockaddr_storage storage = {0};
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    *local = mrp_endpoint_from_sockaddr(&storage);
    return 0;
}

int mrp_membership(int fd, bool join, uint32_t ifindex, struct mrp_endpoint group, struct mrp_endpoint source) {
    int level = group.family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (source.family == 0) {
        struct group_req request = {.gr_interface = ifindex};
        mrp_endpoint_to_sockaddr(group, &request.gr_group);
        int name = join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
        return setsockopt(fd, level, name, &request, sizeof request) < 0 ? -errno : 0;
    }
    struct group_source_req request = {.gsr_interface = ifindex};
    mrp_endpoint_to_sockaddr(group, &request.gsr_group);
    mrp_endpoint_to_sockaddr(source, &request.gsr_source);
    int name = join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
    return setsockopt(fd, level, name, &request, sizeof request) < 0 ? -errno : 0;
}

int mrp_multicast_interface(int fd, uint8_t family, uint32_t ifindex) {
    if (family == 6) {
        int index = (int)ifindex;
        return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0 ? -errno : 0;
    }
    struct ip_mreqn request = {.imr_ifindex = (int)ifindex};
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) < 0 ? -errno : 0;
}
