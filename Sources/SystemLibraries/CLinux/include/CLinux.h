#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H

#include <stddef.h>

/// Names the calling thread, as `ps -L` and `perf` show it; the kernel keeps 15 bytes.
void martlet_name_thread(const char *name);

/// Gives memory that was freed and lies idle back to the kernel. Whoever allocates meanwhile waits.
void martlet_return_free_memory(void);

/// Lets the allocator keep so much free memory at the end of each arena, and pieces of up to 32 MiB within arenas.
/// Returns 0 when it takes no such order.
int martlet_keep_free_memory(size_t bytes);

#endif
