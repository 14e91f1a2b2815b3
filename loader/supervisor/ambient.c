/* SPDX-License-Identifier: MIT
 * The ambient plugin.  See ambient.h. */
#include "ambient.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/log.h"
#include "loader/config/server_command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The key that makes a file ours.  The server ignores keys it does not know. */
static const char mark[] = "x-handrail";
enum { FOREIGN_MAX = 64 * 1024 }; /* a larger file cannot be ours */

/* Is the file at `path` one that we have written?  1 yes, 0 there is none, -EEXIST no, -errno. */
static int is_ours(const char *path)
{
    struct hr_buf text;
    int result = -EEXIST;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : errno == ELOOP ? -EEXIST : -errno;
    hr_buf_init(&text, FOREIGN_MAX);
    if (hr_read_fd(fd, &text) == 0) {
        json_t *root = json_loadb(hr_buf_str(&text), text.len, 0, NULL);
        if (json_object_get(root, mark))
            result = 1;
        json_decref(root);
    }
    hr_buf_free(&text);
    hr_close(&fd);
    return result;
}

/* Make the folders of path that are missing, from `from` on.  0 or -errno. */
static int make_folders(char *path, size_t from)
{
    for (char *p = strchr(path + from + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        int failed = mkdir(path, 0700) < 0 && errno != EEXIST;
        int err = errno;
        *p = '/';
        if (failed)
            return -err;
    }
    return 0;
}

static char *content(const char *url, const char *token)
{
    char *text = NULL;
    json_t *root = json_pack("{s:s, s:{s:{s:s, s:{s:s+}}}}", mark,
                             "written by handrail at each start; changes are lost", "mcpServers",
                             "handrail", "url", url, "headers", "Authorization", "Bearer ", token);
    if (root)
        text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    return text;
}

/* Write text to a temporary file beside the plugin folder, then move it into place. */
static int replace(const char *tmp, const char *path, const char *text)
{
    (void)unlink(tmp);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int err = hr_write_all(fd, text, strlen(text));
    if (!err && fchmod(fd, 0600) < 0) /* whatever the umask says */
        err = -errno;
    hr_close(&fd);
    if (!err && rename(tmp, path) < 0)
        err = -errno;
    if (err)
        (void)unlink(tmp);
    return err;
}

static int write_file(const char *path, size_t home, const char *url, const char *token)
{
    char tmp[4096];
    int n = snprintf(tmp, sizeof(tmp), "%.*s/.agents/.handrail-mcp.tmp", (int)home, path);
    if (n < 0 || (size_t)n >= sizeof(tmp))
        return -ENAMETOOLONG;
    char *text = content(url, token);
    if (!text)
        return -ENOMEM;
    int err = replace(tmp, path, text);
    explicit_bzero(text, strlen(text));
    free(text);
    return err;
}

/* The file's path.  *ret_home: how much of it is the home folder's.  0 or -ENOENT. */
static int locate(char *path, size_t size, size_t *ret_home)
{
    char home[2048];
    if (hr_server_home(getenv("HOME"), home, sizeof(home)) || home[0] != '/')
        return -ENOENT;
    size_t n = strlen(home);
    while (n && home[n - 1] == '/') /* "/" itself, too, has none in front of what lies in it */
        n--;
    (void)snprintf(path, size, "%.*s/.agents/plugins/handrail/.mcp.json", (int)n, home);
    *ret_home = n;
    return 0;
}

int hr_ambient_write(struct hr_ambient *a, const char *url, const char *token)
{
    char path[sizeof(a->path)];
    size_t home = 0;
    a->path[0] = '\0';
    if (locate(path, sizeof(path), &home)) {
        hr_warn("no home folder for uid %d (HOME is not set): conversations will not find the "
                "native tools by themselves",
                (int)getuid());
        return -ENOENT;
    }
    int err = make_folders(path, home);
    if (!err) {
        int ours = is_ours(path);
        err = ours < 0 ? ours : write_file(path, home, url, token);
    }
    if (err == -EEXIST)
        hr_warn("%s was not written by handrail and is left as it is: conversations will not find "
                "the native tools by themselves; move it away to get them",
                path);
    else if (err)
        hr_warn("cannot write %s: %s: conversations will not find the native tools by themselves",
                path, strerror(-err));
    else
        memcpy(a->path, path, sizeof(path));
    return err;
}

int hr_ambient_write_apart(struct hr_ambient *a, const char *url, const char *token)
{
    size_t home = 0;
    pid_t pid = fork();
    if (pid == 0)
        hr_log_divert(NULL); /* what waits there is the parent's to write */
    if (pid == 0)
        _exit(hr_ambient_write(a, url, token) ? EXIT_FAILURE : EXIT_SUCCESS);
    if (pid < 0)
        return -errno;
    (void)locate(a->path, sizeof(a->path), &home);
    return 0;
}

int hr_ambient_remove_apart(struct hr_ambient *a)
{
    pid_t pid = fork();
    if (pid == 0) {
        hr_log_divert(NULL);
        hr_ambient_remove(a);
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0)
        return -errno;
    a->path[0] = '\0';
    return 0;
}

void hr_ambient_remove(struct hr_ambient *a)
{
    if (a->path[0] && is_ours(a->path) == 1 && unlink(a->path) < 0)
        hr_warn("cannot remove %s: %s", a->path, strerror(errno));
    a->path[0] = '\0';
}
