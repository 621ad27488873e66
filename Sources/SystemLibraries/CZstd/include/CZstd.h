#ifndef MARTLET_CZSTD_H
#define MARTLET_CZSTD_H

#include <zstd.h>

#endif
