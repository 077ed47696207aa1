#pragma once

#include <stdbool.h>
#include <stdint.h>

// Drops every capability outside `keep` (bit n = capability n) from all sets, and forbids regaining any.
int mrp_keep_capabilities(uint64_t keep);
int mrp_effective_capabilities(uint64_t *effective);
int mrp_set_parent_death_signal(int signal_number);
int mrp_set_timer_slack(uint64_t nanoseconds);

// Network namespaces act on the calling thread alone.
int mrp_unshare_network(void);
int mrp_enter_network_namespace(int fd);
int mrp_set_thread_name(const char *name);
