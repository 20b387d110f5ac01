/* TLS with OpenSSL, if it was there when the generator was built. */
#include "load.h"

#include <errno.h>

#ifdef HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>

/* struct tls is never defined: it is OpenSSL's SSL by another name */
static SSL *ssl_of(struct tls *tls)
{
    return (SSL *)(void *)tls;
}

static _Noreturn void tls_fail(const char *what)
{
    char text[200];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    fail("TLS: %s: %s", what, text);
}

struct tls *tls_client(int fd, const char *ca_file)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        if (!context || SSL_CTX_load_verify_locations(context, ca_file, NULL) != 1)
            tls_fail("certificate authority");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE
                                      | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        /* the pages OpenSSL reads ahead save it two system calls per record */
        SSL_CTX_set_read_ahead(context, 1);
    }
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, "localhost") != 1)
        tls_fail("session");
    if (SSL_connect(ssl) != 1)
        tls_fail("handshake");
    return (struct tls *)(void *)ssl;
}

/* Like read(2) and write(2) on a non-blocking socket. Renegotiation is not a thing any more,
   so that "wants the other direction" happens only for moments: the caller tries again. */
static ptrdiff_t result(struct tls *tls, int n)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(ssl_of(tls), n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        if (errno == 0)
            return 0;
        return -1;
    default:
        tls_fail("record");
    }
}

ptrdiff_t tls_read(struct tls *tls, void *buffer, size_t size)
{
    errno = 0;
    return result(tls, SSL_read(ssl_of(tls), buffer, (int)size));
}

ptrdiff_t tls_write(struct tls *tls, const void *data, size_t size)
{
    errno = 0;
    return result(tls, SSL_write(ssl_of(tls), data, (int)size));
}

#else

struct tls *tls_client(int fd, const char *ca_file)
{
    (void)fd;
    (void)ca_file;
    fail("built without OpenSSL");
}

ptrdiff_t tls_read(struct tls *tls, void *buffer, size_t size)
{
    (void)tls, (void)buffer, (void)size;
    errno = ENOTSUP;
    return -1;
}

ptrdiff_t tls_write(struct tls *tls, const void *data, size_t size)
{
    (void)tls, (void)data, (void)size;
    errno = ENOTSUP;
    return -1;
}

#endif
