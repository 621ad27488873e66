#include "CLinux.h"

#include <limits.h>
#include <malloc.h>
#include <sys/prctl.h>

void martlet_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

void martlet_return_free_memory(void) {
    malloc_trim(0);
}

int martlet_keep_free_memory(size_t bytes) {
    // The largest that glibc allows on 64 bits. Left alone it follows what is freed, but not once the other is set.
    const int largest_in_arenas = 32 << 20;
    return bytes <= INT_MAX && mallopt(M_TRIM_THRESHOLD, (int)bytes) && mallopt(M_MMAP_THRESHOLD, largest_in_arenas);
}
