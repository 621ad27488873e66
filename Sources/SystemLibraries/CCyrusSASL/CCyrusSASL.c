#include "CCyrusSASL.h"

#include <pthread.h>
#include <sasl/saslplug.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN_NAME "martlet"

/// A callback of our own beside the library's: how the plug-in gets at the CCyrusSASLPasswordFinder of a session.
#define CALLBACK_PASSWORD 0x6d61

/// Callbacks stand in the library's tables as functions of one type, and are cast back when they are called.
#define ANY_FUNCTION(function) ((int (*)(void))(function))

struct CCyrusSASLSession {
    sasl_conn_t *connection;
    sasl_callback_t callbacks[6];
    bool isServer;
    bool hasStarted;
    char *user;
    sasl_secret_t *password;
};

// MARK: What the library asks for

static int option(void *context, const char *plugin, const char *name, const char **value, unsigned *length) {
    static const struct { const char *name, *value; } options[] = {
        {"auxprop_plugin", PLUGIN_NAME}, {"pwcheck_method", "auxprop"}, {"log_level", "0"}, {"reauth_timeout", "0"},
    };
    (void)context;
    (void)plugin;
    for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
        if (strcmp(name, options[i].name) != 0) continue;
        *value = options[i].value;
        if (length) *length = (unsigned)strlen(options[i].value);
        return SASL_OK;
    }
    return SASL_FAIL;
}

// Without it the library writes to the system's log; what goes wrong is asked for by CCyrusSASLErrorDetail.
static int dropLogLine(void *context, int level, const char *message) {
    (void)context;
    (void)level;
    (void)message;
    return SASL_OK;
}

// Who acts is always who was authenticated; the name a client asks to act for is not looked at.
static int allowAnyAuthorizationID(
    sasl_conn_t *connection, void *context, const char *requested, unsigned requestedLength, const char *authenticated,
    unsigned authenticatedLength, const char *realm, unsigned realmLength, struct propctx *properties) {
    (void)connection, (void)context, (void)requested, (void)requestedLength, (void)authenticated;
    (void)authenticatedLength, (void)realm, (void)realmLength, (void)properties;
    return SASL_OK;
}

static int clientName(void *context, int id, const char **value, unsigned *length) {
    const CCyrusSASLSession *session = context;
    (void)id;
    *value = session->user ? session->user : "";
    if (length) *length = (unsigned)strlen(*value);
    return SASL_OK;
}

static int clientPassword(sasl_conn_t *connection, void *context, int id, sasl_secret_t **value) {
    CCyrusSASLSession *session = context;
    (void)connection;
    (void)id;
    *value = session->password;
    return session->password ? SASL_OK : SASL_FAIL;
}

/// The first realm that a server offers.
static int clientRealm(void *context, int id, const char **realms, const char **chosen) {
    (void)context;
    (void)id;
    *chosen = realms && realms[0] ? realms[0] : "";
    return SASL_OK;
}

// MARK: The plug-in that looks passwords up

static void lookUpPassword(
    CCyrusSASLPasswordFinder find, void *owner, sasl_server_params_t *parameters, const char *property,
    const char *user, unsigned length) {
    char *password = find(owner, user, length);
    if (!password) return;
    size_t count = strlen(password);
    parameters->utils->prop_set(parameters->propctx, property, password, (int)count);
    explicit_bzero(password, count);
    free(password);
}

static int lookUp(
    void *global, sasl_server_params_t *parameters, unsigned flags, const char *user, unsigned length) {
    (void)global;
    // Nothing is asked about the name a client asks to act for; an error here would end the exchange.
    if (flags & SASL_AUXPROP_AUTHZID) return SASL_OK;
    sasl_callback_ft function = NULL;
    void *owner = NULL;
    int outcome = parameters->utils->getcallback(parameters->utils->conn, CALLBACK_PASSWORD, &function, &owner);
    if (outcome != SASL_OK) return outcome;
    // The properties of who authenticates have a star before their names.
    const struct propval *asked = parameters->utils->prop_get(parameters->propctx);
    for (; asked && asked->name; ++asked) {
        if (strcmp(asked->name, "*" SASL_AUX_PASSWORD_PROP) == 0 && !asked->values) {
            lookUpPassword((CCyrusSASLPasswordFinder)function, owner, parameters, asked->name, user, length);
        }
    }
    return SASL_OK;
}

static int describePlugin(
    const sasl_utils_t *utils, int highestVersion, int *version, sasl_auxprop_plug_t **plugin, const char *name) {
    static char pluginName[] = PLUGIN_NAME;
    static sasl_auxprop_plug_t description = {.auxprop_lookup = lookUp, .name = pluginName};
    (void)utils;
    (void)name;
    if (highestVersion < SASL_AUXPROP_PLUG_VERSION) return SASL_BADVERS;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plugin = &description;
    return SASL_OK;
}

// MARK: Start

static void *newMutex(void) {
    pthread_mutex_t *mutex = malloc(sizeof *mutex);
    if (mutex && pthread_mutex_init(mutex, NULL) != 0) {
        free(mutex);
        return NULL;
    }
    return mutex;
}

static int lockMutex(void *mutex) { return pthread_mutex_lock(mutex) == 0 ? SASL_OK : SASL_FAIL; }

static int unlockMutex(void *mutex) { return pthread_mutex_unlock(mutex) == 0 ? SASL_OK : SASL_FAIL; }

static void freeMutex(void *mutex) {
    if (!mutex) return;
    pthread_mutex_destroy(mutex);
    free(mutex);
}

static int startOutcome;

static void start(void) {
    static sasl_callback_t callbacks[3];
    callbacks[0] = (sasl_callback_t){SASL_CB_GETOPT, ANY_FUNCTION(option), NULL};
    callbacks[1] = (sasl_callback_t){SASL_CB_LOG, ANY_FUNCTION(dropLogLine), NULL};
    callbacks[2] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    sasl_set_mutex(newMutex, lockMutex, unlockMutex, freeMutex);
    startOutcome = sasl_server_init(callbacks, PLUGIN_NAME);
    if (startOutcome == SASL_OK) startOutcome = sasl_client_init(callbacks);
    if (startOutcome == SASL_OK) startOutcome = sasl_auxprop_add_plugin(PLUGIN_NAME, describePlugin);
}

int CCyrusSASLStart(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    return startOutcome;
}

// MARK: Sessions

/// Authentication alone: what follows it is not wrapped.
static int forbidLayers(sasl_conn_t *connection) {
    const sasl_security_properties_t properties = {.max_ssf = 0};
    return sasl_setprop(connection, SASL_SEC_PROPS, &properties);
}

static CCyrusSASLSession *ready(CCyrusSASLSession *session, int *outcome) {
    if (*outcome == SASL_OK) *outcome = forbidLayers(session->connection);
    if (*outcome == SASL_OK) return session;
    CCyrusSASLFree(session);
    return NULL;
}

CCyrusSASLSession *CCyrusSASLNewServer(
    const char *service, const char *host, const char *realm, CCyrusSASLPasswordFinder find, void *owner, int *outcome) {
    *outcome = SASL_NOMEM;
    CCyrusSASLSession *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->isServer = true;
    session->callbacks[0] = (sasl_callback_t){CALLBACK_PASSWORD, ANY_FUNCTION(find), owner};
    session->callbacks[1] = (sasl_callback_t){SASL_CB_PROXY_POLICY, ANY_FUNCTION(allowAnyAuthorizationID), NULL};
    session->callbacks[2] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    *outcome = sasl_server_new(
        service, host, realm, NULL, NULL, session->callbacks, SASL_SUCCESS_DATA, &session->connection);
    return ready(session, outcome);
}

static bool copyCredentials(CCyrusSASLSession *session, const char *user, const char *password) {
    if (user && !(session->user = strdup(user))) return false;
    if (!password) return true;
    size_t length = strlen(password);
    session->password = calloc(1, sizeof *session->password + length);
    if (!session->password) return false;
    session->password->len = length;
    memcpy(session->password->data, password, length);
    return true;
}

CCyrusSASLSession *CCyrusSASLNewClient(
    const char *service, const char *host, const char *user, const char *password, int *outcome) {
    *outcome = SASL_NOMEM;
    CCyrusSASLSession *session = calloc(1, sizeof *session);
    if (!session || !copyCredentials(session, user, password)) {
        CCyrusSASLFree(session);
        return NULL;
    }
    session->callbacks[0] = (sasl_callback_t){SASL_CB_USER, ANY_FUNCTION(clientName), session};
    session->callbacks[1] = (sasl_callback_t){SASL_CB_AUTHNAME, ANY_FUNCTION(clientName), session};
    session->callbacks[2] = (sasl_callback_t){SASL_CB_PASS, ANY_FUNCTION(clientPassword), session};
    session->callbacks[3] = (sasl_callback_t){SASL_CB_GETREALM, ANY_FUNCTION(clientRealm), session};
    session->callbacks[4] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    *outcome = sasl_client_new(
        service, host, NULL, NULL, session->callbacks, SASL_SUCCESS_DATA, &session->connection);
    return ready(session, outcome);
}

static int stepServer(
    CCyrusSASLSession *session, const char *mechanism, const char *in, unsigned inCount, const char **out,
    unsigned *outCount) {
    if (session->hasStarted) return sasl_server_step(session->connection, in ? in : "", inCount, out, outCount);
    session->hasStarted = true;
    return sasl_server_start(session->connection, mechanism, inCount ? in : NULL, inCount, out, outCount);
}

static int stepClient(
    CCyrusSASLSession *session, const char *mechanism, const char *in, unsigned inCount, const char **out,
    unsigned *outCount) {
    if (!session->hasStarted) {
        session->hasStarted = true;
        const char *chosen = NULL;
        // Asked for a first word, DIGEST-MD5 would sometimes go on from what it remembers of an earlier exchange with a
        // server of the same name, which knows nothing of that or takes it for nonsense.
        bool speaksFirst = strcmp(mechanism, "DIGEST-MD5") != 0;
        int outcome = sasl_client_start(
            session->connection, mechanism, NULL, speaksFirst ? out : NULL, speaksFirst ? outCount : NULL, &chosen);
        // What the peer has said already belongs to a mechanism that lets the server speak first.
        if (outcome != SASL_CONTINUE || inCount == 0) return outcome;
    }
    return sasl_client_step(session->connection, in ? in : "", inCount, NULL, out, outCount);
}

int CCyrusSASLStep(
    CCyrusSASLSession *session, const char *mechanism, const char *in, size_t inCount, const char **out,
    size_t *outCount) {
    const char *said = NULL;
    unsigned count = 0;
    int outcome = session->isServer ? stepServer(session, mechanism, in, (unsigned)inCount, &said, &count)
                                    : stepClient(session, mechanism, in, (unsigned)inCount, &said, &count);
    *out = said;
    *outCount = said ? count : 0;
    return outcome;
}

const char *CCyrusSASLAuthenticatedUser(CCyrusSASLSession *session) {
    const void *user = NULL;
    return sasl_getprop(session->connection, SASL_AUTHUSER, &user) == SASL_OK ? user : NULL;
}

const char *CCyrusSASLErrorDetail(CCyrusSASLSession *session) { return sasl_errdetail(session->connection); }

void CCyrusSASLFree(CCyrusSASLSession *session) {
    if (!session) return;
    if (session->connection) sasl_dispose(&session->connection);
    if (session->password) explicit_bzero(session->password->data, session->password->len);
    free(session->password);
    free(session->user);
    free(session);
}
