// OpenSSL's side of an identity. Internal to common/net: it includes OpenSSL.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "common/base/result.h"
#include "common/net/identity.h"

namespace rayd {

struct OpensslDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter>;

struct Identity::Keys {
  OpensslPtr<EVP_PKEY> key;
  OpensslPtr<X509> certificate;
  KeyHash hash;
};

/// kCorrupt unless the certificate's key is Ed25519.
Result<KeyHash> key_hash_of(const X509& certificate);

}  // namespace rayd
