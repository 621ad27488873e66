#include "CLinux.h"

#include <malloc.h>
#include <sys/prctl.h>

void martlet_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

void martlet_return_free_memory(void) {
    malloc_trim(0);
}
