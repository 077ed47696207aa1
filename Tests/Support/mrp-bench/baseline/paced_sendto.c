// paced_sendto: renditions sent the plain way, one sendto a packet, those due sent each millisecond.
//   paced_sendto SOURCE INTERFACE FIRST-GROUP RENDITIONS PORT BITS-PER-SECOND SECONDS
// Prints: packets sent, processor seconds of this process.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { datagram_size = 1328 };

static double seconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int open_socket(const char *source, const char *interface) {
    int number = socket(AF_INET, SOCK_DGRAM, 0), ttl = 16, loop = 1, discover = IP_PMTUDISC_DONT, buffer = 1 << 20;
    struct ip_mreqn leaves_by = {.imr_ifindex = if_nametoindex(interface)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(source)};
    if (number < 0 || setsockopt(number, IPPROTO_IP, IP_MULTICAST_IF, &leaves_by, sizeof leaves_by) ||
        setsockopt(number, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) ||
        setsockopt(number, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop) ||
        setsockopt(number, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover) ||
        setsockopt(number, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) ||
        bind(number, (struct sockaddr *)&from, sizeof from)) {
        perror("socket");
        exit(1);
    }
    return number;
}

int main(int count, char **arguments) {
    if (count != 8) return 2;
    int renditions = atoi(arguments[4]), port = atoi(arguments[5]);
    double rate = atof(arguments[6]) / 8 / datagram_size, duration = atof(arguments[7]);
    struct sched_param priority = {.sched_priority = 10};
    sched_setscheduler(0, SCHED_RR, &priority);  // Where it may; as the sender beside it.
    int number = open_socket(arguments[1], arguments[2]);
    struct sockaddr_in *to = calloc(renditions, sizeof *to);
    for (int i = 0; i < renditions; i++)
        to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port),
                                     .sin_addr.s_addr = htonl(ntohl(inet_addr(arguments[3])) + i)};
    static char datagram[datagram_size];
    long sent = 0, refused = 0;
    struct timespec wake;
    clock_gettime(CLOCK_MONOTONIC, &wake);
    double start = seconds_of(CLOCK_MONOTONIC), used = seconds_of(CLOCK_PROCESS_CPUTIME_ID), now;
    // A rendition's packets are spread over its interval, as the renditions' are over each other's.
    while ((now = seconds_of(CLOCK_MONOTONIC) - start) < duration) {
        for (int i = 0; i < renditions; i++) {
            static long done[4096];
            long due = now * rate + (double)i / renditions;
            for (; done[i] < due; done[i]++) {
                if (sendto(number, datagram, sizeof datagram, 0, (struct sockaddr *)&to[i], sizeof to[i]) < 0) refused++;
                else sent++;
            }
        }
        wake.tv_nsec += 1000000;
        if (wake.tv_nsec >= 1000000000) wake.tv_sec++, wake.tv_nsec -= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, 0);
    }
    used = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used;
    printf("%ld %.6f %ld\n", sent, used, refused);
    return refused > 0;
}
