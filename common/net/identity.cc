#include "common/net/identity.h"

#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/net/crypto.h"
#include "common/net/openssl_keys.h"

namespace rayd {
namespace {

constexpr off_t kMaxFileBytes = 64 * 1024;

Error refused_by_system(const char* what, const std::string& file) {
  return {ErrorCode::kUnavailable, std::string(what) + " " + file + ": " + std::strerror(errno)};
}

Error damaged(const std::string& file, const std::string& why) {
  return {ErrorCode::kCorrupt,
          file + " is damaged: " + why +
              ". Put back a copy of it; or remove it, and this machine gets a new identity and has "
              "to join again with a token (a head: its nodes have to)"};
}

OpensslPtr<X509> self_signed(EVP_PKEY* key) {
  OpensslPtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::array<uint8_t, 8> serial;
  fill_with_chance(serial);
  serial[0] &= 0x7f;
  uint64_t number = 0;
  for (const uint8_t byte : serial) number = number << 8 | byte;
  bool made = ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), number) == 1;
  // Nobody looks at the dates: machines whose clocks are wrong must be able to talk about it.
  made = made && ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "20000101000000Z");
  made = made && ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), "99991231235959Z");
  X509_NAME* name = X509_get_subject_name(certificate.get());
  made = made &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>("rayd"), -1, -1, 0) == 1;
  made = made && X509_set_issuer_name(certificate.get(), name) == 1;
  made = made && X509_set_pubkey(certificate.get(), key) == 1;
  RAY_CHECK(made && X509_sign(certificate.get(), key, nullptr) > 0);
  return certificate;
}

Identity::Keys make_keys() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  RAY_CHECK(key != nullptr);
  Identity::Keys keys{OpensslPtr<EVP_PKEY>(key), self_signed(key), {}};
  keys.hash = *key_hash_of(*keys.certificate);
  return keys;
}

std::string to_pem(const Identity::Keys& keys) {
  const OpensslPtr<BIO> bio(BIO_new(BIO_s_secmem()));
  RAY_CHECK(PEM_write_bio_PrivateKey(bio.get(), keys.key.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr) == 1);
  RAY_CHECK(PEM_write_bio_X509(bio.get(), keys.certificate.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

/// A PEM file may ask for a password; ours have none, and nobody is there to type one.
int no_password(char*, int, int, void*) { return 0; }

Result<Identity::Keys> from_pem(const std::string& file, const std::string& pem) {
  const auto open = [&pem] {
    return OpensslPtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  };
  Identity::Keys keys;
  keys.key.reset(PEM_read_bio_PrivateKey(open().get(), nullptr, no_password, nullptr));
  if (!keys.key) return damaged(file, "there is no key in it (" + openssl_reason() + ")");
  if (EVP_PKEY_get_base_id(keys.key.get()) != EVP_PKEY_ED25519) {
    return damaged(file, "its key is not of the kind Ed25519");
  }
  keys.certificate.reset(PEM_read_bio_X509(open().get(), nullptr, no_password, nullptr));
  if (!keys.certificate) {
    return damaged(file, "there is no certificate in it (" + openssl_reason() + ")");
  }
  if (X509_check_private_key(keys.certificate.get(), keys.key.get()) != 1) {
    openssl_reason();
    return damaged(file, "its key and its certificate do not belong together");
  }
  const Result<KeyHash> hash = key_hash_of(*keys.certificate);
  if (!hash.ok()) return damaged(file, hash.error().message);
  keys.hash = *hash;
  return keys;
}

Status use_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return refused_by_system("cannot make the folder", directory);
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return refused_by_system("cannot use", directory);
  if (!S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, directory + " is no folder"};
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return Error{ErrorCode::kNotAllowed, directory + " belongs to the user with id " +
                                             std::to_string(status.st_uid) +
                                             ", who could replace this machine's identity"};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return Error{ErrorCode::kNotAllowed, "others could replace this machine's identity in " +
                                             directory + ": chmod go-w " + directory};
  }
  return {};
}

Status judge_file(const std::string& file, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, file + " is no plain file"};
  }
  if (status.st_uid != ::geteuid()) {
    return Error{ErrorCode::kNotAllowed, file + " belongs to the user with id " +
                                             std::to_string(status.st_uid) + ", not to us (" +
                                             std::to_string(::geteuid()) + ")"};
  }
  if ((status.st_mode & 077) != 0) {
    return Error{ErrorCode::kNotAllowed,
                 "others may read or write the key in " + file + ": chmod 600 " + file};
  }
  if (status.st_size > kMaxFileBytes) return damaged(file, "it is too large");
  return {};
}

/// kNotFound when there is none.
Result<Identity::Keys> load(const std::string& file) {
  const UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!opened) {
    if (errno == ENOENT) return Error{ErrorCode::kNotFound, "there is no " + file};
    if (errno == EACCES) {
      return Error{ErrorCode::kNotAllowed,
                   file + " may not be read by the user with id " + std::to_string(::geteuid())};
    }
    return refused_by_system("cannot open", file);
  }
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return refused_by_system("cannot look at", file);
  if (const Status judged = judge_file(file, status); !judged.ok()) return judged.error();
  std::string pem(static_cast<size_t>(status.st_size), '\0');
  for (size_t done = 0; done < pem.size();) {
    const ssize_t got = ::read(opened.get(), pem.data() + done, pem.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused_by_system("cannot read", file);
    if (got == 0) pem.resize(done);
    done += static_cast<size_t>(got);
  }
  return from_pem(file, pem);
}

Status write_and_sync(const UniqueFd& to, const std::string& content, const std::string& file) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t put = ::write(to.get(), content.data() + done, content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return refused_by_system("cannot write", file);
    done += static_cast<size_t>(put);
  }
  if (::fsync(to.get()) != 0) return refused_by_system("cannot write", file);
  return {};
}

/// Gives the file its name, unless something has it already: then kAlreadyExists.
Status publish(const std::string& temporary, const std::string& file) {
  // A link, unlike a plain rename, does not replace; where a file system has none, the kernel's
  // rename that does not replace will do.
  if (::link(temporary.c_str(), file.c_str()) == 0) {
    ::unlink(temporary.c_str());
    return {};
  }
  if (errno != EEXIST &&
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) == 0) {
    return {};
  }
  if (errno == EEXIST) return Error{ErrorCode::kAlreadyExists, file + " exists"};
  return refused_by_system("cannot make", file);
}

Status store(const std::string& directory, const Identity::Keys& keys) {
  const std::string file = identity_file(directory);
  std::string temporary = directory + "/.identity-XXXXXX";
  const UniqueFd opened(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!opened) return refused_by_system("cannot make", file);
  Status stored = write_and_sync(opened, to_pem(keys), file);
  if (stored.ok()) stored = publish(temporary, file);
  if (!stored.ok()) {
    ::unlink(temporary.c_str());
    return stored;
  }
  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return refused_by_system("cannot write", directory);
  return {};
}

}  // namespace

std::string identity_file(const std::string& directory) { return directory + "/identity.pem"; }

Result<KeyHash> key_hash_of(const X509& certificate) {
  X509_PUBKEY* const info = X509_get_X509_PUBKEY(&certificate);
  EVP_PKEY* const key = X509_PUBKEY_get0(info);
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
    openssl_reason();
    return Error{ErrorCode::kCorrupt, "the certificate's key is not of the kind Ed25519"};
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(info, &der);
  RAY_CHECK(size > 0);
  KeyHash hash{sha256({der, static_cast<size_t>(size)})};
  OPENSSL_free(der);
  return hash;
}

Result<Identity> Identity::load_or_make(const std::string& directory) {
  if (const Status usable = use_directory(directory); !usable.ok()) return usable.error();
  const std::string file = identity_file(directory);
  Result<Keys> keys = load(file);
  if (!keys.ok() && keys.error().code == ErrorCode::kNotFound) {
    const Status stored = store(directory, make_keys());
    if (!stored.ok() && stored.error().code != ErrorCode::kAlreadyExists) return stored.error();
    keys = load(file);  // ours, or that of who was faster
  }
  if (!keys.ok()) return keys.error();
  return Identity(std::make_shared<const Keys>(std::move(*keys)));
}

Identity Identity::make_ephemeral() { return Identity(std::make_shared<const Keys>(make_keys())); }

const KeyHash& Identity::hash() const { return keys_->hash; }

}  // namespace rayd
