#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stddef.h>

/// Where a session reads and writes during one call: memory of the caller, valid for that call only.
struct COpenSSLWindow {
    const unsigned char *in;
    size_t inLeft;
    unsigned char *out;
    size_t outLeft;
    /// What verification said of the certificate it refused; X509_V_OK when it refused none.
    int refusedError;
    /// The peer's subject, when its certificate or one above it was refused; owned by the session, NULL when none was refused.
    char *refusedSubject;
};

/// A session over `window`, which has to outlive it. NULL when memory is short.
SSL *COpenSSLNewSession(SSL_CTX *context, struct COpenSSLWindow *window);

/// Frees the session and what it left in its window.
void COpenSSLFreeSession(SSL *session, struct COpenSSLWindow *window);

/// Modes and options every context of ours has; versions are TLS1_2_VERSION and TLS1_3_VERSION.
void COpenSSLPrepareContext(SSL_CTX *context, int lowestVersion, int highestVersion);

/// `mode` as for SSL_CTX_set_verify; refusals are noted in the session's window.
void COpenSSLSetVerify(SSL_CTX *context, int mode);

/// The name the peer dialled, for certificates that depend on it. Returns 1 when set.
int COpenSSLSetServerName(SSL *session, const char *name);

/// The private key in `pem`; NULL with an error in the queue when there is none that `password` (may be NULL) opens.
EVP_PKEY *COpenSSLReadKey(const char *pem, int length, const char *password);

/// Subject or issuer in RFC 2253 form with characters beyond ASCII as they are; to be freed with `free`.
char *COpenSSLName(const X509_NAME *name);

/// Adds an intermediate certificate, taking over one reference on success (1).
int COpenSSLAddChainCertificate(SSL_CTX *context, X509 *certificate);

/// The library and reason parts of an error code.
int COpenSSLErrorReason(unsigned long code);
int COpenSSLErrorLibrary(unsigned long code);

#endif
