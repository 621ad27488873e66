#ifndef MARTLET_CSNAPPY_H
#define MARTLET_CSNAPPY_H

#include <snappy-c.h>

#endif
