// OpenSSL's one-shot MD5, which compatible rings are made of. OpenSSL 3 calls it
// deprecated in favour of EVP; it stays in every 3.x release and costs a third less per key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
