/* SPDX-License-Identifier: MIT
 * Which files hold secrets, by their names.  See secret_file.h. */
#include "secret_file.h"

#include "check.h"

#include <string.h>
#include <strings.h>

static bool ends_with(const char *s, size_t n, const char *end)
{
    size_t m = strlen(end);
    return n >= m && strncasecmp(s + n - m, end, m) == 0;
}

/* ".env", ".env.production", but not ".env.example". */
static bool is_env_file(const char *name, size_t n)
{
    static const char *const samples[] = {".example", ".sample", ".template", ".dist", ".defaults"};
    if (n < 4 || strncmp(name, ".env", 4) != 0 || (n > 4 && name[4] != '.'))
        return false;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        if (ends_with(name, n, samples[i]))
            return false;
    return true;
}

bool hr_settings_file(const char *path)
{
    size_t n;
    const char *name = hr_path_name(path, &n);
    return is_env_file(name, n) || (n == 6 && strncasecmp(name, ".npmrc", n) == 0);
}

bool hr_secret_file(const char *path)
{
    static const char *const names[] = {"id_rsa",
                                        "id_dsa",
                                        "id_ecdsa",
                                        "id_ed25519",
                                        ".npmrc",
                                        ".netrc",
                                        "_netrc",
                                        ".pypirc",
                                        ".pgpass",
                                        ".git-credentials",
                                        ".dockercfg",
                                        ".dockerconfigjson",
                                        "kubeconfig",
                                        ".htpasswd",
                                        ".vault-token",
                                        "credentials.json",
                                        "service-account.json",
                                        "service_account.json",
                                        "secrets.json",
                                        "secrets.yaml",
                                        "secrets.yml",
                                        "secrets.env",
                                        ".secrets",
                                        ".ssh",
                                        ".gnupg",
                                        ".aws",
                                        ".azure",
                                        ".kube",
                                        ".password-store"};
    static const char *const paths[] = {".docker/config.json",    ".aws/credentials",
                                        ".kube/config",           ".config/gh/hosts.yml",
                                        ".config/gcloud",         ".cargo/credentials",
                                        ".cargo/credentials.toml"};
    static const char *const ends[] = {".p12",        ".pfx",        ".jks",        ".keystore",
                                       ".kdbx",       ".ppk",        "-key.pem",    "_key.pem",
                                       "privkey.pem", "private.pem", "private.key", "server.key"};
    size_t n;
    const char *name = hr_path_name(path, &n);
    size_t whole = (size_t)(name - path) + n;
    if (is_env_file(name, n))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (n == strlen(names[i]) && ends_with(name, n, names[i]))
            return true;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (ends_with(path, whole, paths[i]))
            return true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (ends_with(name, n, ends[i]))
            return strncasecmp(name, "trust", 5) != 0; /* truststore.jks: certificates */
    return false;
}
