// A live source: RTP of MPEG-TS to many groups at a constant rate, evenly spread in time.
//   fanout_source INTERFACE GROUPS RATE SECONDS [FRAMES]
// GROUPS is a file with a group and a port a line, one a channel; RATE is bit/s of the transport stream. A frame (PES
// packet, PCR) begins every 40 ms; every FRAMES of them (25 unless given) one is a random-access point, with program
// tables before it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    packet = 188,
    packets = 7,
    payload = packet * packets,
    header = 12,
    frames_per_second = 25,
    table_pid = 0x1000,
    video_pid = 0x100,
    max_channels = 1024,
    batch = 256,
};

struct channel {
    struct sockaddr_in to;
    uint64_t sent;              // datagrams
    uint64_t frame;             // of the next frame to begin
    uint8_t pat, pmt, video;    // continuity counters
};

static struct channel channels[max_channels];
static double rate, started;
static uint64_t frames_per_picture = 25;
static uint64_t calendar;       // of `started`, in 90 kHz

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t checksum(const uint8_t *bytes, int length) {
    uint32_t sum = 0xFFFFFFFF;
    for (int i = 0; i < length; i++) {
        sum ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++) sum = sum & 0x80000000 ? sum << 1 ^ 0x04C11DB7 : sum << 1;
    }
    return sum;
}

static void put_table(uint8_t *at, unsigned int pid, uint8_t *continuity, const uint8_t *section, int length) {
    memset(at, 0xFF, packet);
    at[0] = 0x47;
    at[1] = (uint8_t)(0x40 | pid >> 8);
    at[2] = (uint8_t)pid;
    at[3] = 0x10 | (*continuity)++ % 16;
    at[4] = 0;
    memcpy(at + 5, section, (size_t)length);
    uint32_t sum = htonl(checksum(section, length));
    memcpy(at + 5 + length, &sum, 4);
}

// One programme with H.264 video.
static const uint8_t pat[] = {0x00, 0xB0, 0x0D, 0x00, 0x01, 0xC1, 0x00, 0x00, 0x00, 0x01, 0xF0, 0x00};
static const uint8_t pmt[] = {0x02, 0xB0, 0x12, 0x00, 0x01, 0xC1, 0x00, 0x00, 0xE1,
                              0x00, 0xF0, 0x00, 0x1B, 0xE1, 0x00, 0xF0, 0x00};

static void put_time(uint8_t *at, uint8_t marker, uint64_t time) {
    at[0] = (uint8_t)(marker << 4 | (time >> 30 & 7) << 1 | 1);
    at[1] = (uint8_t)(time >> 22);
    at[2] = (uint8_t)((time >> 15 & 0x7F) << 1 | 1);
    at[3] = (uint8_t)(time >> 7);
    at[4] = (uint8_t)((time & 0x7F) << 1 | 1);
}

// The start of a picture: PCR, PES header, access unit delimiter and, at a random-access point, an IDR slice.
static void put_frame(uint8_t *at, struct channel *channel, uint64_t time) {
    int key = channel->frame % frames_per_picture == 0;
    memset(at, 0xAA, packet);
    at[0] = 0x47;
    at[1] = 0x40 | video_pid >> 8;
    at[2] = video_pid & 0xFF;
    at[3] = 0x30 | channel->video++ % 16;
    at[4] = 7;
    at[5] = (uint8_t)(0x10 | (key ? 0x40 : 0));
    uint64_t clock = time & 0x1FFFFFFFF;
    at[6] = (uint8_t)(clock >> 25);
    at[7] = (uint8_t)(clock >> 17);
    at[8] = (uint8_t)(clock >> 9);
    at[9] = (uint8_t)(clock >> 1);
    at[10] = (uint8_t)((clock & 1) << 7 | 0x7E);
    at[11] = 0;
    memcpy(at + 12, (uint8_t[]){0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5}, 9);
    put_time(at + 21, 2, (clock + 9000) & 0x1FFFFFFFF);
    memcpy(at + 26, (uint8_t[]){0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, key ? 0x65 : 0x41}, 11);
}

static void put_filling(uint8_t *at, struct channel *channel) {
    memset(at, 0xAA, packet);
    at[0] = 0x47;
    at[1] = video_pid >> 8;
    at[2] = video_pid & 0xFF;
    at[3] = 0x10 | channel->video++ % 16;
}

// The datagram that begins at `time` (90 kHz since the start).
static void put_datagram(uint8_t *at, struct channel *channel, uint64_t time) {
    uint32_t stamp = htonl((uint32_t)(calendar + time)), ssrc = htonl(0x12340000 + 2 * (uint32_t)(channel - channels));
    at[0] = 0x80;
    at[1] = 33;
    at[2] = (uint8_t)(channel->sent >> 8);
    at[3] = (uint8_t)channel->sent;
    memcpy(at + 4, &stamp, 4);
    memcpy(at + 8, &ssrc, 4);
    uint8_t *to = at + header, *end = to + payload;
    while (to < end) {
        int due = channel->frame * 90000 / frames_per_second <= time;
        // Tables and the picture they announce lie in one datagram.
        if (due && channel->frame % frames_per_picture == 0 && end - to >= 3 * packet) {
            put_table(to, 0, &channel->pat, pat, sizeof pat);
            put_table(to + packet, table_pid, &channel->pmt, pmt, sizeof pmt);
            to += 2 * packet;
        } else if (due && channel->frame % frames_per_picture == 0) {
            due = 0;
        }
        if (due) {
            put_frame(to, channel, calendar + time);
            channel->frame++;
        } else {
            put_filling(to, channel);
        }
        to += packet;
    }
}

// Datagrams due of a channel; channels are out of phase with each other.
static uint64_t due(int number, int count, double elapsed) {
    double datagrams = elapsed * rate / (payload * 8) + (double)number / count;
    return (uint64_t)datagrams;
}

static int read_groups(const char *path) {
    FILE *file = fopen(path, "r");
    char group[16];
    unsigned int port;
    int count = 0;
    if (!file) {
        perror(path);
        exit(1);
    }
    while (count < max_channels && fscanf(file, "%15s %u", group, &port) == 2) {
        struct sockaddr_in *to = &channels[count++].to;
        to->sin_family = AF_INET;
        to->sin_port = htons((uint16_t)port);
        to->sin_addr.s_addr = inet_addr(group);
    }
    fclose(file);
    return count;
}

static int open_socket(const char *interface) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), hops = 32, size = 4 << 20, never = IP_PMTUDISC_DONT;
    struct ip_mreqn exit_interface = {.imr_ifindex = (int)if_nametoindex(interface)};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops);
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &exit_interface, sizeof exit_interface) < 0) {
        perror(interface);
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: fanout_source INTERFACE GROUPS RATE SECONDS [FRAMES]\n");
        return 2;
    }
    int fd = open_socket(argv[1]), count = read_groups(argv[2]);
    rate = atof(argv[3]);
    double seconds = atof(argv[4]);
    if (argc > 5) frames_per_picture = strtoull(argv[5], NULL, 10);
    if (count < 1 || frames_per_picture < 1) return 2;

    static uint8_t datagrams[batch][header + payload];
    static struct iovec parts[batch];
    static struct mmsghdr messages[batch];
    for (int i = 0; i < batch; i++) {
        parts[i] = (struct iovec){datagrams[i], header + payload};
        messages[i].msg_hdr = (struct msghdr){.msg_namelen = sizeof channels->to, .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    calendar = (uint64_t)(now(CLOCK_REALTIME) * 90000);
    started = now(CLOCK_MONOTONIC);
    for (double elapsed = 0; elapsed < seconds; elapsed = now(CLOCK_MONOTONIC) - started) {
        unsigned int filled = 0;
        for (int i = 0; i < count && filled < batch; i++) {
            struct channel *channel = &channels[i];
            uint64_t waiting = due(i, count, elapsed) - channel->sent;
            for (; waiting > 0 && filled < batch; waiting--, filled++) {
                put_datagram(datagrams[filled], channel,
                             (uint64_t)((double)channel->sent * payload * 8 / rate * 90000));
                messages[filled].msg_hdr.msg_name = &channel->to;
                channel->sent++;
            }
        }
        if (filled > 0 && sendmmsg(fd, messages, filled, 0) < 0) {
            perror("sendmmsg");
            return 1;
        }
        if (filled < batch) usleep(300);
    }
    return 0;
}
