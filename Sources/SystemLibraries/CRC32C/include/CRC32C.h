#ifndef MARTLET_CRC32C_H
#define MARTLET_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32C (Castagnoli, RFC 3720) of `count` bytes at `bytes` that follow bytes whose CRC is `before` (0: none).
/// Uses the processor's instructions where it has them; safe on all threads.
uint32_t martlet_crc32c(uint32_t before, const void *_Nullable bytes, size_t count);

/// The same by tables alone, whatever the processor has.
uint32_t martlet_crc32c_portable(uint32_t before, const void *_Nullable bytes, size_t count);

/// What `difference`, the exclusive or of the CRCs of two texts of equal length, becomes when the same `count` bytes
/// are appended to both.
uint32_t martlet_crc32c_shift(uint32_t difference, uint64_t count);

#endif
