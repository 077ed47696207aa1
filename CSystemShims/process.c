#include "mrp_process.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_capabilities(struct __user_cap_data_struct data[2]) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

int mrp_effective_capabilities(uint64_t *effective) {
    struct __user_cap_data_struct data[2];
    int failed = read_capabilities(data);
    if (failed) return failed;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    return 0;
}

int mrp_keep_capabilities(uint64_t keep) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    int failed = read_capabilities(data);
    if (failed) return failed;
    // The bounding set comes first: dropping from it needs CAP_SETPCAP, which the last step takes away.
    for (int capability = 0; capability < 64; capability++) {
        if (keep >> capability & 1) continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM) return -errno;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL) return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    for (int word = 0; word < 2; word++) {
        uint32_t mask = (uint32_t)(keep >> (32 * word));
        data[word].permitted &= mask;
        data[word].effective = data[word].permitted;
        data[word].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int mrp_set_parent_death_signal(int signal_number) {
    return prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) < 0 ? -errno : 0;
}

int mrp_set_timer_slack(uint64_t nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, (unsigned long)nanoseconds, 0, 0, 0) < 0 ? -errno : 0;
}

int mrp_unshare_network(void) { return unshare(CLONE_NEWNET) < 0 ? -errno : 0; }


int mrp_enter_network_namespace(int fd) { return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0; }

int mrp_set_thread_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0) < 0 ? -errno : 0; }
