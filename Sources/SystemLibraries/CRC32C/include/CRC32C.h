#ifndef MARTLET_CRC32C_H
#define MARTLET_CRC32C_H
#endif
