/* SPDX-License-Identifier: MIT */
#include "sample_tree.h"

#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void path_of(const struct sample_tree *t, const char *name, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s", t->root, name);

    assert_in_range(n, 1, size - 1);
}

static void write_file(const char *path, const char *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        assert_true(n > 0);
        data += n;
        len -= (size_t)n;
    }
    assert_int_equal(close(fd), 0);
}

void sample_tree_make(struct sample_tree *t, const char *plugin, const char *more)
{
    char config[256], secret[128];
    handrail_call c;

    memset(t, 0, sizeof(*t));
    (void)snprintf(t->base, sizeof(t->base), "/tmp/handrail-sample-XXXXXX");
    assert_non_null(mkdtemp(t->base));
    (void)snprintf(t->root, sizeof(t->root), "%s/root", t->base);
    (void)snprintf(t->outside, sizeof(t->outside), "%s/root-outside", t->base);
    assert_int_equal(mkdir(t->root, 0700), 0);
    assert_int_equal(mkdir(t->outside, 0700), 0);
    (void)snprintf(secret, sizeof(secret), "%s/secret.txt", t->outside);
    write_file(secret, "beta secret\n", 12);

    t->plugin = fake_host_load(plugin);
    (void)snprintf(config, sizeof(config), "{\"root\":\"%s\"%s}", t->root, more);
    fake_call_init(&c);
    handrail_status status = t->plugin->create(&fake_host, &c, config, strlen(config), &t->self);
    if (status != HANDRAIL_OK)
        fail_msg("create: %d: %s", status, c.error);
    fake_call_free(&c);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void sample_tree_remove(struct sample_tree *t)
{
    t->plugin->destroy(t->self);
    assert_int_equal(nftw(t->base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void sample_tree_write(const struct sample_tree *t, const char *name, const char *data, size_t len)
{
    char path[512];

    path_of(t, name, path, sizeof(path));
    for (char *slash = strchr(path + strlen(t->root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* may be there already; open tells */
        *slash = '/';
    }
    write_file(path, data, len);
}

void sample_tree_text(const struct sample_tree *t, const char *name, const char *text)
{
    sample_tree_write(t, name, text, strlen(text));
}

void sample_tree_fill(const struct sample_tree *t, const char *name, char ch, size_t n,
                      const char *tail)
{
    size_t more = strlen(tail);
    char *data = malloc(n + more + 1);

    assert_non_null(data);
    memset(data, ch, n);
    memcpy(data + n, tail, more + 1);
    sample_tree_write(t, name, data, n + more);
    free(data);
}

void sample_tree_link(const struct sample_tree *t, const char *target, const char *name)
{
    char path[512];

    path_of(t, name, path, sizeof(path));
    assert_int_equal(symlink(target, path), 0);
}

handrail_status sample_tree_call(const struct sample_tree *t, handrail_call *c, const char *tool,
                                 const char *args)
{
    handrail_status status = fake_host_invoke(t->plugin, t->self, tool, c, args);

    if (status == HANDRAIL_OK && c->error[0])
        fail_msg("ok, and yet: %s", c->error);
    if (status != HANDRAIL_OK && !c->error[0])
        fail_msg("status %d without a reason", status);
    if (status == HANDRAIL_OK && (!c->json || c->json_first || c->json_invalid))
        fail_msg("the JSON is missing, before the text, or no object");
    if (strstr(c->text, "secret"))
        fail_msg("it left the root: %s", c->text);
    return status;
}

void sample_tree_refused(const struct sample_tree *t, const char *tool, const char *args,
                         handrail_status wanted, const char *reason)
{
    handrail_call c;

    fake_call_init(&c);
    handrail_status status = sample_tree_call(t, &c, tool, args);
    if (status != wanted || !strstr(c.error, reason))
        fail_msg("%s: status %d, \"%s\" instead of \"%s\"", args, status, c.error, reason);
    assert_int_equal(c.text_len, 0);
    fake_call_free(&c);
}

void sample_tree_ok(const struct sample_tree *t, handrail_call *c, const char *tool,
                    const char *args)
{
    fake_call_init(c);
    handrail_status status = sample_tree_call(t, c, tool, args);
    if (status != HANDRAIL_OK)
        fail_msg("%s: status %d: %s", args, status, c->error);
}

void sample_tree_bad_config(const char *plugin, const char *config, const char *reason)
{
    const handrail_plugin *p = fake_host_load(plugin);
    handrail_call c;
    void *self = NULL;

    fake_call_init(&c);
    handrail_status status = p->create(&fake_host, &c, config, strlen(config), &self);
    if (status != HANDRAIL_E_INVALID || !strstr(c.error, reason))
        fail_msg("%s: status %d, \"%s\"", config, status, c.error);
    assert_null(self);
    fake_call_free(&c);
}

int64_t sample_tree_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
