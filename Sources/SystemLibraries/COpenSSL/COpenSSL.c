#include "COpenSSL.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// MARK: A BIO that reads and writes the caller's memory.

static int windowRead(BIO *bio, char *target, size_t count, size_t *taken) {
    struct COpenSSLWindow *window = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (window->inLeft == 0) {
        BIO_set_retry_read(bio);
        *taken = 0;
        return 0;
    }
    if (count > window->inLeft) count = window->inLeft;
    memcpy(target, window->in, count);
    window->in += count;
    window->inLeft -= count;
    *taken = count;
    return 1;
}

static int windowWrite(BIO *bio, const char *source, size_t count, size_t *written) {
    struct COpenSSLWindow *window = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (window->outLeft == 0) {
        BIO_set_retry_write(bio);
        *written = 0;
        return 0;
    }
    if (count > window->outLeft) count = window->outLeft;
    memcpy(window->out, source, count);
    window->out += count;
    window->outLeft -= count;
    *written = count;
    return 1;
}

static long windowControl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *windowMethod;
static CRYPTO_ONCE windowMethodOnce = CRYPTO_ONCE_STATIC_INIT;

static void makeWindowMethod(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "window");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, windowRead);
    BIO_meth_set_write_ex(method, windowWrite);
    BIO_meth_set_ctrl(method, windowControl);
    windowMethod = method;
}

SSL *COpenSSLNewSession(SSL_CTX *context, struct COpenSSLWindow *window) {
    if (!CRYPTO_THREAD_run_once(&windowMethodOnce, makeWindowMethod) || windowMethod == NULL) return NULL;
    SSL *session = SSL_new(context);
    if (session == NULL) return NULL;
    BIO *bio = BIO_new(windowMethod);
    if (bio == NULL) {
        SSL_free(session);
        return NULL;
    }
    BIO_set_data(bio, window);
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
    return session;
}

void COpenSSLFreeSession(SSL *session, struct COpenSSLWindow *window) {
    SSL_free(session);
    free(window->refusedSubject);
    window->refusedSubject = NULL;
}

// MARK: Contexts

void COpenSSLPrepareContext(SSL_CTX *context, int lowestVersion, int highestVersion) {
    SSL_CTX_set_min_proto_version(context, lowestVersion);
    SSL_CTX_set_max_proto_version(context, highestVersion);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    // Connections live long: resumption would save nothing and keep sessions of refused certificates alive.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
}

static int noteRefusal(int accepted, X509_STORE_CTX *store) {
    if (accepted) return 1;
    SSL *session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct COpenSSLWindow *window = BIO_get_data(SSL_get_rbio(session));
    if (window->refusedSubject == NULL) {
        X509 *certificate = X509_STORE_CTX_get0_cert(store);
        window->refusedError = X509_STORE_CTX_get_error(store);
        if (certificate != NULL) window->refusedSubject = COpenSSLName(X509_get_subject_name(certificate));
    }
    return 0;
}

void COpenSSLSetVerify(SSL_CTX *context, int mode) {
    SSL_CTX_set_verify(context, mode, noteRefusal);
}

int COpenSSLSetServerName(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

int COpenSSLAddChainCertificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add0_chain_cert(context, certificate);
}

// MARK: Keys and names

static int givePassword(char *target, int room, int isEncrypting, void *password) {
    (void)isEncrypting;
    if (password == NULL) return -1;
    size_t length = strlen(password);
    if (room < 0 || length > (size_t)room) return -1;
    memcpy(target, password, length);
    return (int)length;
}

EVP_PKEY *COpenSSLReadKey(const char *pem, int length, const char *password) {
    BIO *bio = BIO_new_mem_buf(pem, length);
    if (bio == NULL) return NULL;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, givePassword, (void *)password);
    BIO_free(bio);
    return key;
}

char *COpenSSLName(const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return NULL;
    char *text = NULL;
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        char *bytes = NULL;
        long length = BIO_get_mem_data(bio, &bytes);
        text = malloc((size_t)length + 1);
        if (text != NULL) {
            memcpy(text, bytes, (size_t)length);
            text[length] = 0;
        }
    }
    BIO_free(bio);
    return text;
}

int COpenSSLErrorReason(unsigned long code) { return ERR_GET_REASON(code); }
int COpenSSLErrorLibrary(unsigned long code) { return ERR_GET_LIB(code); }
