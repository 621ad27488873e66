#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H

/// Names the calling thread, as `ps -L` and `perf` show it; the kernel keeps 15 bytes.
void martlet_name_thread(const char *name);

/// Gives memory that was freed and lies idle back to the kernel. Whoever allocates meanwhile waits.
void martlet_return_free_memory(void);

#endif
