#ifndef MARTLET_CLZ4_H
#define MARTLET_CLZ4_H

#include <lz4frame.h>

#endif
