/* Exclusive or of media payloads into parity, as a C programmer writes it: one loop, left to the compiler.
 *   xor_loop SECONDS      prints payload bytes combined a second
 * The buffers are as the proxy's encoder has them: a ring of datagrams and one parity packet. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { header = 12, size = 1316, packets = 256 };

__attribute__((noinline)) static void merge(uint8_t *restrict target, const uint8_t *restrict source, size_t count)
{
    for (size_t index = 0; index < count; index++) target[index] ^= source[index];
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments)
{
    double seconds = count > 1 ? atof(arguments[1]) : 1;
    uint8_t *ring = malloc(packets * (header + size)), *parity = calloc(1, size);
    if (!ring || !parity) return 1;
    for (size_t index = 0; index < packets * (header + size); index++) ring[index] = (uint8_t)(index * 31);
    double start = now(), end;
    uint64_t merged = 0;
    do {
        for (size_t packet = 0; packet < packets; packet++) merge(parity, ring + packet * (header + size) + header, size);
        merged += (uint64_t)packets * size;
        end = now();
    } while (end - start < seconds);
    uint8_t used = 0;
    for (size_t index = 0; index < size; index++) used ^= parity[index];
    printf("%.0f %u\n", (double)merged / (end - start), used);
    return 0;
}
