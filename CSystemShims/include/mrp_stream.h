#pragma once

#include <stdbool.h>
#include <stdint.h>

// A ring of bytes in memory that is sent from without being copied, and the connections it is sent to.

// A file in memory (memfd_create) of `size` bytes, of which pages are taken as they are written.
int mrp_memory_file(const char *name, uint64_t size);
// Gives the pages of a part back. What is on its way to a socket keeps them: later writes get new ones.
int mrp_memory_punch(int fd, uint64_t offset, uint64_t size);

// sendfile(2) of a part; a connection that has ended answers -EPIPE or -ECONNRESET (SIGPIPE must be blocked).
int64_t mrp_stream_send_file(int socket, int file, uint64_t offset, uint64_t size);
// send(2) without waiting and without SIGPIPE; `more` keeps the last partial segment back for what follows.
int64_t mrp_stream_send(int socket, const void *bytes, uint64_t size, bool more);
// The next close sends a reset and drops what is queued.
int mrp_stream_reset_on_close(int socket);
// Blocks SIGPIPE for the calling thread.
int mrp_block_broken_pipe(void);
