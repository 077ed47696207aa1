// HTTP clients that read live streams and discard them, on one event loop.
//   fanout_clients HOST PORT TARGETS CLIENTS SETTLE WINDOW RATE [OPENED]
// TARGETS is a file with a request target a line, and optionally the address to ask from; client i takes line i modulo
// their number. At most OPENED new
// connections a second (500 unless given). SETTLE seconds after the last one a window of WINDOW seconds begins; a
// client that got under 97 % of RATE (bit/s of the response's body) in it is behind.
// The second client comes so much after the first that the channel is there (`warm_up`).
// Prints `begin` and `end` as the window does, then one line of NAME=VALUE pairs.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { head_room = 1024, receive_buffer = 1 << 20, max_targets = 16384 };

struct client {
    int fd, head_length, status;
    uint64_t bytes, mark;       // of the body
    double opened, first;       // seconds; `first` since `opened`
    char *head;                 // until the body begins
};

static const double warm_up = 1.5;   // seconds
static char *targets[max_targets];
static struct sockaddr_in locals[max_targets];
static int target_count, poll_fd, closed, failed, refused;
static struct sockaddr_in server;
static const char *host;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_targets(const char *path) {
    FILE *file = fopen(path, "r");
    char line[8192];
    if (!file) {
        perror(path);
        exit(1);
    }
    while (target_count < max_targets && fgets(line, sizeof line, file)) {
        char *target = strtok(line, " \n"), *local = strtok(NULL, " \n");
        if (!target) continue;
        locals[target_count].sin_family = AF_INET;
        locals[target_count].sin_addr.s_addr = local ? inet_addr(local) : INADDR_ANY;
        targets[target_count++] = strdup(target);
    }
    fclose(file);
    if (target_count == 0) exit(2);
}

static void give_up(struct client *client, int *counter) {
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    free(client->head);
    client->head = NULL;
    ++*counter;
}

static void open_client(struct client *client, int number) {
    char request[8400];
    int size = receive_buffer, on = 1;
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: fanout\r\n\r\n",
                          targets[number % target_count], host, ntohs(server.sin_port));
    client->opened = now();
    client->head = malloc(head_room);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const struct sockaddr_in *local = &locals[number % target_count];
    if (!client->head || bind(client->fd, (const void *)local, sizeof *local) < 0 ||
        connect(client->fd, (void *)&server, sizeof server) < 0 ||
        send(client->fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
        give_up(client, &failed);
        return;
    }
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

// Takes the response's head apart from what follows it.
static void read_head(struct client *client) {
    ssize_t length = recv(client->fd, client->head + client->head_length,
                          (size_t)(head_room - 1 - client->head_length), 0);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) return give_up(client, &closed);
    client->head_length += (int)length;
    client->head[client->head_length] = 0;
    char *end = strstr(client->head, "\r\n\r\n");
    if (!end) {
        if (client->head_length == head_room - 1) give_up(client, &refused);
        return;
    }
    if (sscanf(client->head, "HTTP/1.%*d %d", &client->status) != 1 || client->status != 200)
        return give_up(client, &refused);
    client->bytes = (uint64_t)(client->head_length - (end + 4 - client->head));
    if (client->bytes) client->first = now() - client->opened;
    free(client->head);
    client->head = NULL;
}

static void read_body(struct client *client) {
    static char nothing[1 << 18];
    ssize_t length = recv(client->fd, nothing, sizeof nothing, MSG_TRUNC);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) return give_up(client, &closed);
    if (!client->bytes) client->first = now() - client->opened;
    client->bytes += (uint64_t)length;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_result(struct client *clients, int count, double window, double rate) {
    double *first = calloc((size_t)count, sizeof *first), *rates = calloc((size_t)count, sizeof *rates);
    int served = 0, behind = 0;
    for (int i = 0; i < count; i++) {
        rates[i] = (double)(clients[i].bytes - clients[i].mark) * 8 / window;
        behind += rates[i] < 0.97 * rate;
        if (clients[i].bytes) first[served++] = clients[i].first * 1e3;
    }
    qsort(first, (size_t)served, sizeof *first, ascending);
    qsort(rates, (size_t)count, sizeof *rates, ascending);
    printf("clients=%d failed=%d refused=%d closed=%d behind=%d rate_least=%.3f rate_median=%.3f first_median=%.2f "
           "first_most=%.2f\n",
           count, failed, refused, closed, behind, rates[0] * 1e-6, rates[count / 2] * 1e-6,
           served ? first[served / 2] : -1, served ? first[served - 1] : -1);
}

static void say(const char *word) {
    puts(word);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 8) {
        fprintf(stderr, "usage: fanout_clients HOST PORT TARGETS CLIENTS SETTLE WINDOW RATE [OPENED]\n");
        return 2;
    }
    host = argv[1];
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    server.sin_addr.s_addr = inet_addr(host);
    read_targets(argv[3]);
    int count = atoi(argv[4]), opened = 0;
    double settle = atof(argv[5]), window = atof(argv[6]), rate = atof(argv[7]);
    double interval = 1 / (argc > 8 ? atof(argv[8]) : 500);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct client *clients = calloc((size_t)count, sizeof *clients);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    double start = now(), begin = 0, end = 0;
    for (;;) {
        double time = now();
        if (opened < count && time - start >= (opened ? warm_up : 0) + opened * interval) {
            open_client(&clients[opened], opened);
            if (++opened == count) begin = now() + settle;
        }
        if (begin > 0 && !end && time >= begin) {
            for (int i = 0; i < count; i++) clients[i].mark = clients[i].bytes;
            say("begin");
            begin = now();
            end = begin + window;
        }
        if (end > 0 && time >= end) break;
        struct epoll_event events[256];
        int ready = epoll_wait(poll_fd, events, 256, 1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (client->head) read_head(client);
            else read_body(client);
        }
    }
    window = now() - begin;
    say("end");
    print_result(clients, count, window, rate);
    return 0;
}
