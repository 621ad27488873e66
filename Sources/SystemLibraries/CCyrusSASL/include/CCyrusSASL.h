#ifndef CCYRUSSASL_H
#define CCYRUSSASL_H

#include <sasl/sasl.h>
#include <stddef.h>

/// One side of one authentication. Not to be used by two threads at once.
typedef struct CCyrusSASLSession CCyrusSASLSession;

/// The password of a user, whose name is `length` bytes, in memory of `malloc`; NULL when there is no such user.
typedef char *(*CCyrusSASLPasswordFinder)(void *owner, const char *user, size_t length);

/// Starts the library once for the process; SASL_OK or why it does not start.
int CCyrusSASLStart(void);

/// The server's side, with `host` as its name and NULL or a name of its own as realm. `find` is asked for passwords, with
/// `owner`, during `CCyrusSASLStep`. NULL with the reason in `outcome`.
CCyrusSASLSession *CCyrusSASLNewServer(
    const char *service, const char *host, const char *realm, CCyrusSASLPasswordFinder find, void *owner, int *outcome);

/// The client's side; user and password are copied, and may be NULL for mechanisms that ask for none.
CCyrusSASLSession *CCyrusSASLNewClient(
    const char *service, const char *host, const char *user, const char *password, int *outcome);

/// Starts `mechanism` with the first call, and goes on with the following ones. `in` is empty when the
/// peer has said nothing. Returns SASL_CONTINUE, SASL_OK or the error; `out` is NULL or what the peer is to be sent,
/// valid until the next call.
int CCyrusSASLStep(
    CCyrusSASLSession *session, const char *mechanism, const char *in, size_t inCount, const char **out,
    size_t *outCount);

/// Who has been authenticated, valid as long as the session; NULL before the end.
const char *CCyrusSASLAuthenticatedUser(CCyrusSASLSession *session);

/// The last error in words, for logs alone; valid until the next call.
const char *CCyrusSASLErrorDetail(CCyrusSASLSession *session);

/// NULL is allowed.
void CCyrusSASLFree(CCyrusSASLSession *session);

#endif
