#ifndef MARTLET_CLZ4_H
#define MARTLET_CLZ4_H
#endif
