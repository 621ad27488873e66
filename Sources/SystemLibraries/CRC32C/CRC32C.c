// CRC-32C: reflected polynomial 0x82f63b78, all bits inverted before and after.
//
// Three ways of equal result: by tables, eight bytes a step; by the processor's instruction, whose latency of three
// cycles is hidden by running over three stretches of memory at once; and the same on 64-bit ARM.
//
// A CRC register is a polynomial over GF(2) modulo P. To join stretches, the register after the first is multiplied
// by x^(8n), n being the length of the second ("shifting"), and added (exclusive or) to the second's.

#include "CRC32C.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

// One step of each of the three streams; what is left over goes through the next smaller one.
#define LONG_STRETCH 8192
#define SHORT_STRETCH 256

static uint32_t table[8][256];
// Multiplication by x^(8 * stretch), a byte of the register at a time.
static uint32_t long_shift[4][256];
static uint32_t short_shift[4][256];
// x^(8 * 2^k) modulo P.
static uint32_t powers[64];

static uint32_t (*fastest)(uint32_t, const unsigned char *, size_t);

// The product of two registers modulo P; the highest bit is the coefficient of x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b & 1) ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

static uint32_t power_of_bytes(uint64_t count) {
    uint32_t power = 0x80000000u;
    for (int k = 0; count != 0; k++, count >>= 1) {
        if (count & 1) power = multiply(power, powers[k]);
    }
    return power;
}

static void fill_shift(uint32_t shift[4][256], uint64_t count) {
    uint32_t power = power_of_bytes(count);
    for (int lane = 0; lane < 4; lane++) {
        for (uint32_t value = 0; value < 256; value++) shift[lane][value] = multiply(value << (8 * lane), power);
    }
}

static uint32_t by_tables(uint32_t state, const unsigned char *bytes, size_t count) {
    while (count >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word ^= state;
        state = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff]
            ^ table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff]
            ^ table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
        bytes += 8;
        count -= 8;
    }
    while (count-- > 0) state = table[0][(state ^ *bytes++) & 0xff] ^ (state >> 8);
    return state;
}

#if defined(__x86_64__)
#define HARDWARE __attribute__((target("sse4.2")))
#define STEP_8(state, word) ((uint32_t)__builtin_ia32_crc32di((state), (word)))
#define STEP_1(state, byte) __builtin_ia32_crc32qi((state), (byte))
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <sys/auxv.h>
#define HARDWARE __attribute__((target("crc")))
#define STEP_8(state, word) __builtin_arm_crc32cd((state), (word))
#define STEP_1(state, byte) __builtin_arm_crc32cb((state), (byte))
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

#ifdef HARDWARE
static uint32_t shifted(uint32_t shift[4][256], uint32_t state) {
    return shift[0][state & 0xff] ^ shift[1][(state >> 8) & 0xff] ^ shift[2][(state >> 16) & 0xff]
        ^ shift[3][state >> 24];
}

// Runs over three adjoining stretches at once.
HARDWARE static inline uint32_t three_streams(
    uint32_t state, const unsigned char *bytes, size_t stretch, uint32_t shift[4][256]
) {
    uint64_t first = state, second = 0, third = 0;
    for (size_t i = 0; i < stretch; i += 8) {
        uint64_t a, b, c;
        memcpy(&a, bytes + i, 8);
        memcpy(&b, bytes + stretch + i, 8);
        memcpy(&c, bytes + 2 * stretch + i, 8);
        first = STEP_8(first, a);
        second = STEP_8(second, b);
        third = STEP_8(third, c);
    }
    return shifted(shift, shifted(shift, (uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
}

HARDWARE static uint32_t by_instruction(uint32_t state, const unsigned char *bytes, size_t count) {
    for (; count >= 3 * LONG_STRETCH; bytes += 3 * LONG_STRETCH, count -= 3 * LONG_STRETCH) {
        state = three_streams(state, bytes, LONG_STRETCH, long_shift);
    }
    for (; count >= 3 * SHORT_STRETCH; bytes += 3 * SHORT_STRETCH, count -= 3 * SHORT_STRETCH) {
        state = three_streams(state, bytes, SHORT_STRETCH, short_shift);
    }
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        state = STEP_8(state, word);
    }
    for (; count > 0; bytes++, count--) state = STEP_1(state, *bytes);
    return state;
}

static int has_instruction(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
#else
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
}
#endif

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void) {
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t state = value;
        for (int bit = 0; bit < 8; bit++) state = (state & 1) ? (state >> 1) ^ POLYNOMIAL : state >> 1;
        table[0][value] = state;
    }
    for (int lane = 1; lane < 8; lane++) {
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t state = table[lane - 1][value];
            table[lane][value] = table[0][state & 0xff] ^ (state >> 8);
        }
    }
    powers[0] = 0x00800000u;
    for (int k = 1; k < 64; k++) powers[k] = multiply(powers[k - 1], powers[k - 1]);
    fill_shift(long_shift, LONG_STRETCH);
    fill_shift(short_shift, SHORT_STRETCH);
    fastest = by_tables;
#ifdef HARDWARE
    if (has_instruction()) fastest = by_instruction;
#endif
}

uint32_t martlet_crc32c(uint32_t before, const void *bytes, size_t count) {
    pthread_once(&prepared, prepare);
    return ~fastest(~before, bytes, count);
}

uint32_t martlet_crc32c_portable(uint32_t before, const void *bytes, size_t count) {
    pthread_once(&prepared, prepare);
    return ~by_tables(~before, bytes, count);
}

uint32_t martlet_crc32c_shift(uint32_t difference, uint64_t count) {
    pthread_once(&prepared, prepare);
    return multiply(difference, power_of_bytes(count));
}
