/* SPDX-License-Identifier: MIT
 * Which pod this is.  See pod.h. */
#include "pod.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/json_text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes; a name in Kubernetes has at most 253. */
enum { VALUE_MAX = 256, HOSTNAME_MAX = 256 };

static const char account[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/* Its first line, or NULL if there is none. */
static json_t *text(const char *s)
{
    size_t n = strcspn(s, "\r\n");
    return n && n <= VALUE_MAX ? hr_json_text(s, n) : NULL;
}

static json_t *from_file(const char *path)
{
    struct hr_buf content;
    json_t *j = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    hr_buf_init(&content, VALUE_MAX + 2);
    if (!hr_read_fd(fd, &content))
        j = text(hr_buf_str(&content));
    hr_buf_free(&content);
    hr_close(&fd);
    return j;
}

static json_t *value(const char *variable, const char *dir, const char *file)
{
    char path[PATH_MAX];
    const char *given = getenv(variable);
    json_t *j = given ? text(given) : NULL;
    int n = snprintf(path, sizeof(path), "%s/%s", dir ? dir : "", file);
    if (!j && dir && n > 0 && (size_t)n < sizeof(path))
        j = from_file(path);
    return j;
}

json_t *hr_webhook_pod(const char *podinfo_dir)
{
    char host[HOSTNAME_MAX] = "";
    json_t *space = value("HANDRAIL_POD_NAMESPACE", podinfo_dir, "namespace");
    (void)gethostname(host, sizeof(host) - 1);
    if (!space)
        space = from_file(account);
    return json_pack("{s:o?, s:o?, s:o?, s:o?}", "hostname", text(host), "name",
                     value("HANDRAIL_POD_NAME", podinfo_dir, "name"), "namespace", space, "uid",
                     value("HANDRAIL_POD_UID", podinfo_dir, "uid"));
}
