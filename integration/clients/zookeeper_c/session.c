/* A session of ZooKeeper's C client: requests of all kinds, and what lives on when its server is killed. Says "ready" when
   the server may be killed, and goes on when a line comes. Ends with 0, or with the line of what was not as expected. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "session.c:%d: %s\n", __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

/* Seconds until what is awaited counts as missing. */
#define PATIENCE 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static int connections, expirations, changes, children;
static int authenticated = 1;

static void note(int *counter) {
    pthread_mutex_lock(&lock);
    ++*counter;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

static int reaches(int *counter, int count) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE;
    pthread_mutex_lock(&lock);
    int outcome = 0;
    while (*counter < count && outcome == 0) outcome = pthread_cond_timedwait(&news, &lock, &end);
    int reached = *counter >= count;
    pthread_mutex_unlock(&lock);
    return reached;
}

static void watch(zhandle_t *client, int type, int state, const char *path, void *context) {
    (void)client, (void)path, (void)context;
    if (type == ZOO_CHANGED_EVENT) note(&changes);
    if (type == ZOO_CHILD_EVENT) note(&children);
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) note(&connections);
    if (type == ZOO_SESSION_EVENT && state == ZOO_EXPIRED_SESSION_STATE) note(&expirations);
}

static void proven(int outcome, const void *context) {
    (void)context;
    pthread_mutex_lock(&lock);
    authenticated = outcome;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
}

/* Again while the connection is lost, which the client makes anew by itself. */
static int persistently(int (*request)(zhandle_t *), zhandle_t *client) {
    for (int attempt = 0; attempt < PATIENCE * 10; ++attempt) {
        int outcome = request(client);
        if (outcome != ZCONNECTIONLOSS && outcome != ZOPERATIONTIMEOUT) return outcome;
        usleep(100000);
    }
    return ZCONNECTIONLOSS;
}

static int look(zhandle_t *client) {
    char data[16];
    int length = sizeof data;
    struct Stat stat;
    int outcome = zoo_get(client, "/c/mine", 0, data, &length, &stat);
    if (outcome != ZOK) return outcome;
    EXPECT(length == 4 && memcmp(data, "mine", 4) == 0);
    return stat.ephemeralOwner == zoo_client_id(client)->client_id ? ZOK : ZNONODE;
}

static int change(zhandle_t *client) { return zoo_set(client, "/c/watched", "two", 3, -1); }

static int read_hidden(zhandle_t *client) {
    char data[16];
    int length = sizeof data;
    return zoo_get(client, "/c/hidden", 0, data, &length, NULL);
}

static void requests(zhandle_t *client) {
    char name[64];
    struct Stat stat;
    EXPECT(zoo_create(client, "/c", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZOK);
    EXPECT(zoo_create(client, "/c", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) == ZNODEEXISTS);
    EXPECT(zoo_create(client, "/c/n-", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, name, sizeof name) == ZOK);
    EXPECT(strcmp(name, "/c/n-0000000000") == 0);
    EXPECT(zoo_create2(client, "/c/box", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, name, sizeof name, &stat) == ZOK);
    EXPECT(zoo_exists(client, "/c/nothing", 0, &stat) == ZNONODE);
    EXPECT(zoo_set(client, "/c/n-0000000000", "y", 1, 7) == ZBADVERSION);

    /* All or none. */
    struct Stat set;
    zoo_op_t operations[3];
    zoo_op_result_t results[3];
    zoo_check_op_init(&operations[0], "/c/n-0000000000", 0);
    zoo_set_op_init(&operations[1], "/c/n-0000000000", "z", 1, 0, &set);
    zoo_create_op_init(&operations[2], "/c/watched", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name);
    EXPECT(zoo_multi(client, 3, operations, results) == ZOK && set.version == 1);
    EXPECT(zoo_multi(client, 3, operations, results) == ZBADVERSION);
    EXPECT(results[0].err == ZBADVERSION && results[1].err == ZRUNTIMEINCONSISTENCY);

    struct String_vector names;
    EXPECT(zoo_wget_children(client, "/c", watch, NULL, &names) == ZOK && names.count == 3);
    deallocate_String_vector(&names);
    char data[16];
    int length = sizeof data;
    EXPECT(zoo_wget(client, "/c/watched", watch, NULL, data, &length, &stat) == ZOK && length == 3);
    EXPECT(zoo_create(client, "/c/mine", "mine", 4, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0) == ZOK);
    EXPECT(reaches(&children, 1));
}

static void rights(zhandle_t *client, const char *hosts) {
    EXPECT(zoo_add_auth(client, "digest", "user:secret", 11, proven, NULL) == ZOK);
    pthread_mutex_lock(&lock);
    while (authenticated == 1) pthread_cond_wait(&news, &lock);
    pthread_mutex_unlock(&lock);
    EXPECT(authenticated == ZOK);
    EXPECT(zoo_create(client, "/c/hidden", "h", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0) == ZOK);
    zhandle_t *stranger = zookeeper_init(hosts, NULL, 20000, NULL, NULL, 0);
    EXPECT(stranger);
    while (zoo_state(stranger) != ZOO_CONNECTED_STATE) usleep(10000);
    int outcome = persistently(read_hidden, stranger);
    /* It may be connected to a member that is behind. */
    while (outcome == ZNONODE) outcome = persistently(read_hidden, stranger);
    EXPECT(outcome == ZNOAUTH);
    zookeeper_close(stranger);
}

int main(int count, char **arguments) {
    EXPECT(count == 2);
    const char *hosts = arguments[1];
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *client = zookeeper_init(hosts, watch, 20000, NULL, NULL, 0);
    EXPECT(client && reaches(&connections, 1));
    requests(client);
    rights(client, hosts);

    puts("ready");
    fflush(stdout);
    EXPECT(getchar() != EOF);
    EXPECT(persistently(look, client) == ZOK);
    /* Rights and watches are there again at another member. */
    EXPECT(persistently(read_hidden, client) == ZOK);
    EXPECT(persistently(change, client) == ZOK);
    EXPECT(reaches(&changes, 1));
    EXPECT(expirations == 0);
    EXPECT(zookeeper_close(client) == ZOK);
    return 0;
}
