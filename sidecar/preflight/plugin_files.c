/* SPDX-License-Identifier: MIT
 * MCP servers of the user's plugins.  See plugin_files.h. */
#include "plugin_files.h"

#include "common/buf.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char ours[] = "x-handrail"; /* in the file that handrail writes itself */

/* The agent-server knows "enabled" only; "disabled" is what other clients write. */
static bool is_off(const json_t *server)
{
    return json_is_false(json_object_get(server, "enabled")) ||
           json_is_true(json_object_get(server, "disabled"));
}

void hr_plugin_file_parse(const char *file, const char *text, size_t n, hr_plugin_server *found,
                          void *arg)
{
    json_t *root = json_loadb(text, n, 0, NULL);
    json_t *servers = json_object_get(root, "mcpServers");
    const char *name = NULL;
    json_t *server = NULL;
    int told = 0;
    if (!json_object_get(root, ours)) {
        json_object_foreach (servers, name, server) {
            const char *url = json_string_value(json_object_get(server, "url"));
            if (!url || is_off(server))
                continue;
            if (told++ == HR_PLUGIN_SERVERS_PER_FILE)
                break;
            found(arg, file, name, url);
        }
    }
    json_decref(root);
}

/* Only a regular file is read: a FIFO would never end. */
static void read_file(const char *path, int *files, hr_plugin_server *found, void *arg)
{
    struct hr_buf text;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    hr_buf_init(&text, HR_PLUGIN_FILE_MAX);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        (*files)++;
        if (hr_read_fd(fd, &text) == 0)
            hr_plugin_file_parse(path, hr_buf_str(&text), text.len, found, arg);
    }
    hr_buf_free(&text);
    hr_close(&fd);
}

void hr_plugin_files_read(const char *home, hr_plugin_server *found, void *arg)
{
    static const char *const places[] = {".agents/plugins", ".openhands/plugins"};
    char path[PATH_MAX];
    int files = 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int folders = 0;
        const struct dirent *entry = NULL;
        (void)snprintf(path, sizeof(path), "%s/%s", home, places[i]);
        DIR *dir = opendir(path);
        while (dir && (entry = readdir(dir)) && folders++ < HR_PLUGIN_FOLDERS &&
               files < HR_PLUGIN_FILES) {
            int n =
                snprintf(path, sizeof(path), "%s/%s/%s/.mcp.json", home, places[i], entry->d_name);
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && n > 0 &&
                (size_t)n < sizeof(path))
                read_file(path, &files, found, arg);
        }
        if (dir)
            (void)closedir(dir);
    }
}

/* ---- URLs ---------------------------------------------------------------------------------- */

/* Is the host, n bytes, numeric or localhost? */
static bool needs_no_lookup(const char *host, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (n == strlen("localhost") && strncasecmp(host, "localhost", n) == 0)
        return true;
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']' && n - 2 < sizeof(text)) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)n - 2, host + 1);
        return inet_pton(AF_INET6, text, address) == 1;
    }
    if (n >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)n, host);
    return inet_pton(AF_INET, text, address) == 1;
}

/* Bytes of "host[:port]" that are the host; 0 if the rest is not a port. */
static size_t host_length(const char *authority, size_t n)
{
    int64_t port = 0;
    char text[8];
    const char *bracket = memchr(authority, ']', n);
    size_t from = bracket ? (size_t)(bracket - authority) : 0;
    const char *colon = memchr(authority + from, ':', n - from);
    if (!colon)
        return n;
    size_t digits = n - (size_t)(colon + 1 - authority);
    if (digits == 0) /* "host:" is "host" */
        return n - 1;
    if (digits >= sizeof(text))
        return 0;
    (void)snprintf(text, sizeof(text), "%.*s", (int)digits, colon + 1);
    return hr_parse_int(text, 1, 65535, &port) ? 0 : (size_t)(colon - authority);
}

int hr_plugin_url(const char *url, char *request, size_t request_size, char *shown,
                  size_t shown_size)
{
    static const char scheme[] = "http://";
    if (strstr(url, "${"))
        return -EINVAL;
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return -EINVAL;
    if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
        return -EPROTONOSUPPORT;
    const char *authority = url + sizeof(scheme) - 1;
    size_t n = strcspn(authority, "/?#");
    const char *rest = authority + n;
    for (const char *at = NULL; (at = memchr(authority, '@', n));) {
        n -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    size_t host = host_length(authority, n);
    if (!host)
        return -EINVAL;
    if (!needs_no_lookup(authority, host))
        return -EHOSTUNREACH;
    size_t path = strcspn(rest, "#");
    if (sizeof(scheme) + n + 1 + path > request_size || sizeof(scheme) + n > shown_size)
        return -E2BIG;
    (void)snprintf(request, request_size, "%s%.*s%s%.*s", scheme, (int)n, authority,
                   *rest == '/' ? "" : "/", (int)path, rest);
    (void)snprintf(shown, shown_size, "%s%.*s", scheme, (int)n, authority);
    return 0;
}
