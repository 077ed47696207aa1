// The reference relay: multicast RTP/TS in, HTTP out, in the plainest fast way that is known.
//   fanout_relay INTERFACE PORT      serves GET /rtp/GROUP:PORT, at most `max_channels` groups
// One ring a channel in a memfd; datagrams are received straight into it, many a call; a tick serves every client of a
// channel with sendfile in blocks; nothing is kept for a client but its place. It repairs, checks and indexes nothing.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    payload = 1316,            // seven transport packets
    rtp_header = 12,
    datagrams_per_call = 64,
    page = 4096,
    block = 15 * page,         // what a client is sent at a time: the most whole pages that fit one segment train
    slots = 4096,              // of a ring: 5 s at 8 Mbit/s
    ring_size = slots * payload,
    start_back = 64 * payload, // how far behind live a client begins: more than a block, so that it is sent at once
    tick_ms = 20,
    max_channels = 256,
};

struct client {
    struct client *next;
    struct channel *channel;
    uint64_t position;
    int fd;
    int blocked;
};

struct channel {
    struct in_addr group;
    uint16_t port;
    int udp, memfd;
    uint8_t *ring;
    uint64_t end;              // bytes received since the beginning
    struct client *clients;
};

static struct channel channels[max_channels];
static int channel_count, poll_fd;
static uint32_t interface_index;
static const char head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int fd, uint32_t events, void *what) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

// MARK: Channels

static void open_ring(struct channel *channel) {
    channel->memfd = memfd_create("ring", MFD_CLOEXEC);
    if (channel->memfd < 0 || ftruncate(channel->memfd, ring_size) < 0) fail("memfd");
    channel->ring = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, channel->memfd, 0);
    if (channel->ring == MAP_FAILED) fail("mmap");
}

static void join(struct channel *channel) {
    int on = 1, size = 512 << 10;
    channel->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (channel->udp < 0) fail("socket");
    setsockopt(channel->udp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(channel->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    struct sockaddr_in address = {AF_INET, htons(channel->port), channel->group, {0}};
    struct ip_mreqn membership = {.imr_multiaddr = channel->group, .imr_ifindex = (int)interface_index};
    if (bind(channel->udp, (void *)&address, sizeof address) < 0) fail("bind");
    if (setsockopt(channel->udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) < 0) fail("join");
}

static struct channel *channel_of(struct in_addr group, uint16_t port) {
    for (int i = 0; i < channel_count; i++)
        if (channels[i].group.s_addr == group.s_addr && channels[i].port == port) return &channels[i];
    if (channel_count == max_channels) return NULL;
    struct channel *channel = &channels[channel_count++];
    channel->group = group;
    channel->port = port;
    open_ring(channel);
    join(channel);
    return channel;
}

// Receives what waits. A datagram of another length is overwritten by the next, as if it had not come.
static void receive(struct channel *channel) {
    static uint8_t headers[datagrams_per_call][rtp_header];
    static struct iovec parts[datagrams_per_call][2];
    static struct mmsghdr messages[datagrams_per_call];
    for (;;) {
        unsigned int first = (unsigned int)(channel->end / payload % slots);
        unsigned int room = slots - first < datagrams_per_call ? slots - first : datagrams_per_call;
        for (unsigned int i = 0; i < room; i++) {
            parts[i][0] = (struct iovec){headers[i], rtp_header};
            parts[i][1] = (struct iovec){channel->ring + (first + i) * payload, payload};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = parts[i], .msg_iovlen = 2};
        }
        int count = recvmmsg(channel->udp, messages, room, MSG_DONTWAIT, NULL);
        if (count <= 0) return;
        for (int i = 0; i < count && messages[i].msg_len == rtp_header + payload; i++) channel->end += payload;
        if ((unsigned int)count < room) return;
    }
}

// MARK: Clients

static void drop(struct client *client) {
    struct client **at = client->channel ? &client->channel->clients : NULL;
    while (at && *at != client) at = &(*at)->next;
    if (at) *at = client->next;
    close(client->fd);
    free(client);
}

// Sends whole blocks as far as the socket takes them, the first up to the end of a page; false when the client is gone.
static int serve(struct client *client) {
    const struct channel *channel = client->channel;
    for (;;) {
        if (channel->end - client->position > ring_size - (256 << 10)) client->position = channel->end - start_back;
        off_t offset = (off_t)(client->position % ring_size);
        size_t length = block - (size_t)(offset % page);
        if (length > (size_t)(ring_size - offset)) length = (size_t)(ring_size - offset);
        if (channel->end - client->position < length) return 1;
        ssize_t sent = sendfile(client->fd, channel->memfd, &offset, length);
        if (sent > 0) client->position += (uint64_t)sent;
        client->blocked = sent < 0 && errno == EAGAIN;
        if (client->blocked) return 1;
        if (sent <= 0) return 0;
    }
}

static void serve_all(struct channel *channel) {
    for (struct client *client = channel->clients, *next; client; client = next) {
        next = client->next;
        if (!client->blocked && !serve(client)) drop(client);
    }
}

static int begin(struct client *client) {
    char request[2048], group[16];
    unsigned int port;
    struct in_addr address;
    ssize_t length = recv(client->fd, request, sizeof request - 1, 0);
    if (length <= 0) return length < 0 && errno == EAGAIN;
    request[length] = 0;
    if (sscanf(request, "GET /rtp/%15[0-9.]:%u", group, &port) != 2 || !inet_aton(group, &address)) return 0;
    client->channel = channel_of(address, (uint16_t)port);
    if (!client->channel) return 0;
    client->next = client->channel->clients;
    client->channel->clients = client;
    uint64_t end = client->channel->end;
    client->position = end > start_back ? end - start_back : 0;
    if (send(client->fd, head, sizeof head - 1, MSG_NOSIGNAL | MSG_MORE) != sizeof head - 1) return 0;
    return serve(client);
}

static void accept_all(int listener) {
    int on = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        if (!client) fail("calloc");
        client->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, client);
    }
}

static void client_event(struct client *client, uint32_t events) {
    int alive = !(events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP));
    if (alive && !client->channel) {
        alive = !(events & EPOLLIN) || begin(client);
    } else if (alive && client->blocked && events & EPOLLOUT) {
        alive = serve(client);
    }
    if (!alive) drop(client);
}

// MARK: The loop

static int listen_on(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) fail("listen");
    return fd;
}

static int start_timer(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec every = {{0, tick_ms * 1000000}, {0, tick_ms * 1000000}};
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0) fail("timerfd");
    return fd;
}

static void tick(int timer) {
    uint64_t times;
    if (read(timer, &times, sizeof times) < 0) return;
    for (int i = 0; i < channel_count; i++) {
        receive(&channels[i]);
        serve_all(&channels[i]);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: fanout_relay INTERFACE PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    interface_index = if_nametoindex(argv[1]);
    if (!interface_index) fail(argv[1]);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)atoi(argv[2])), timer = start_timer();
    watch(listener, EPOLLIN, &listener);
    watch(timer, EPOLLIN, &timer);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            if (what == &listener) accept_all(listener);
            else if (what == &timer) tick(timer);
            else client_event(what, events[i].events);
        }
    }
}
