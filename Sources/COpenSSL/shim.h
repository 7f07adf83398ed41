// OpenSSL's one-shot MD5 and SHA-1, which compatible rings are made of. OpenSSL 3 calls them
// deprecated in favour of EVP; they stay in every 3.x release and cost a third less per key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
