/* SPDX-License-Identifier: MIT */
#include "loader/config/server_version.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void comparing(void **state)
{
    /* Each is older than the one after it. */
    static const char *const order[] = {
        "0",           "0.9",    "1.9",    "1.19.99",
        "1.20.0rc1",   "1.20",   "1.20.1", "1.22.0",
        "1.22.1.dev7", "1.22.1", "1.43.1", "1.58.0",
        "1.100",       "2",      "10.0.0", "99999999999999999999999"};
    static const char *const same[] = {"1.22.1", "1.22.1.0", "1.22.1+local", "1.22.1.post1",
                                       "1.022.01"};
    size_t n = sizeof(order) / sizeof(order[0]);
    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int r = hr_version_compare(order[i], order[j]);
            if ((r > 0) != (i > j) || (r < 0) != (i < j))
                fail_msg("%s against %s: %d", order[i], order[j], r);
        }
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        for (size_t j = 0; j < sizeof(same) / sizeof(same[0]); j++)
            assert_int_equal(hr_version_compare(same[i], same[j]), 0);
    assert_int_equal(hr_version_compare("", ""), 0);
    assert_true(hr_version_compare("x", "1") < 0);
}

static char prefix[] = "/tmp/handrail-venv-XXXXXX";

/* One level of a path below the prefix. */
static const char *below(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", prefix, name);
    return path;
}

static void file(const char *name)
{
    int fd = open(below(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(below(name), 0755), 0);
}

#define SITE "lib/python3.13/site-packages"

static void in_a_virtual_environment(void **state)
{
    char version[HR_VERSION_TEXT] = "untouched";
    char outside[] = "/tmp/handrail-link-XXXXXX";
    char link[256];
    (void)state;
    assert_non_null(mkdtemp(prefix));
    folder("bin");
    file("bin/agent-server");
    assert_int_equal(hr_server_version(below("bin/agent-server"), version), -ENOENT);
    folder("lib");
    folder("lib/python3.13");
    folder(SITE);
    /* Near misses. */
    folder(SITE "/openhands_agent_server-.dist-info");
    folder(SITE "/openhands_agent_server-x.dist-info");
    folder(SITE "/openhands_agent_server-1.2");
    folder(SITE "/openhands_agent_server");
    folder(SITE "/openhands_sdk-1.99.0.dist-info");
    assert_int_equal(hr_server_version(below("bin/agent-server"), version), -ENOENT);
    assert_string_equal(version, "untouched");

    folder(SITE "/openhands_agent_server-1.9.0.dist-info");
    assert_int_equal(hr_server_version(below("bin/agent-server"), version), 0);
    assert_string_equal(version, "1.9.0");
    folder(SITE "/openhands_agent_server-1.58.2.dist-info"); /* what an upgrade left behind loses */
    assert_int_equal(hr_server_version(below("bin/agent-server"), version), 0);
    assert_string_equal(version, "1.58.2");

    /* A python that is a link to elsewhere, and a link from elsewhere to the server. */
    assert_int_equal(symlink("/bin/sh", below("bin/python")), 0);
    assert_int_equal(hr_server_version(below("bin/python"), version), 0);
    assert_string_equal(version, "1.58.2");
    assert_non_null(mkdtemp(outside));
    (void)snprintf(link, sizeof(link), "%s/agent-server", outside);
    assert_int_equal(symlink(below("bin/agent-server"), link), 0);
    (void)memset(version, 0, sizeof(version));
    assert_int_equal(hr_server_version(link, version), 0);
    assert_string_equal(version, "1.58.2");
    (void)unlink(link);
    (void)rmdir(outside);

    assert_int_equal(hr_server_version("agent-server", version), -ENOENT);
    assert_int_equal(hr_server_version("/bin/sh", version), -ENOENT);
    assert_int_equal(hr_server_version("", version), -ENOENT);
}

static void put(const char *name, const char *text)
{
    int fd = open(below(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* What install has noted counts where there is no package. */
static void noted(void **state)
{
    static const struct {
        const char *text, *version; /* NULL: none */
    } notes[] = {{"1.22.1+\n", "1.22.1+"},     {"1.58.0", "1.58.0"},
                 {"1.58.0\nmore\n", "1.58.0"}, {"", NULL},
                 {"\n1.58.0\n", NULL},         {"unknown\n", NULL},
                 {"1.58.0 \n", NULL},          {"1\x1b[31m.58.0\n", NULL}};
    char version[HR_VERSION_TEXT] = "untouched";
    (void)state;
    folder("apart");
    folder("apart/bin");
    file("apart/bin/server.real");
    assert_int_equal(hr_server_version(below("apart/bin/server.real"), version), -ENOENT);
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        put("apart/bin/server.real.version", notes[i].text);
        (void)snprintf(version, sizeof(version), "untouched");
        assert_int_equal(hr_server_version(below("apart/bin/server.real"), version),
                         notes[i].version ? 0 : -ENOENT);
        assert_string_equal(version, notes[i].version ? notes[i].version : "untouched");
    }
    put("apart/bin/server.real.version",
        "1111111111111111111111111111111111111111111111111111111111111111111111");
    assert_int_equal(hr_server_version(below("apart/bin/server.real"), version), 0);
    assert_int_equal(strlen(version), HR_VERSION_TEXT - 1);
}

static void count(void *arg, const char *path, const char *version)
{
    const char *name = strrchr(path, '/') + 1;
    (void)version;
    *(int *)arg += strcmp(name, "site-packages") == 0 ? 1 : 10;
}

/* Each folder once, with its newest. */
static void packages(void **state)
{
    int found = 0;
    (void)state;
    hr_server_packages(below("bin/python"), count, &found);
    assert_int_equal(found, 1);
    folder("lib/python3");
    folder("lib/python3/dist-packages");
    folder("lib/python3/dist-packages/openhands_agent_server-1.60.0.dist-info");
    found = 0;
    hr_server_packages(below("bin/python"), count, &found);
    assert_int_equal(found, 11);
    char version[HR_VERSION_TEXT];
    assert_int_equal(hr_server_version(below("bin/python"), version), 0);
    assert_string_equal(version, "1.60.0");
}

static int teardown(void **state)
{
    static const char *const folders[] = {
        "lib/python3/dist-packages/openhands_agent_server-1.60.0.dist-info",
        "lib/python3/dist-packages",
        "lib/python3",
        "apart/bin",
        "apart",
        SITE "/openhands_agent_server-.dist-info",
        SITE "/openhands_agent_server-x.dist-info",
        SITE "/openhands_agent_server-1.2",
        SITE "/openhands_agent_server",
        SITE "/openhands_sdk-1.99.0.dist-info",
        SITE "/openhands_agent_server-1.9.0.dist-info",
        SITE "/openhands_agent_server-1.58.2.dist-info",
        SITE,
        "lib/python3.13",
        "lib",
        "bin",
        ""};
    (void)state;
    (void)unlink(below("bin/agent-server"));
    (void)unlink(below("bin/python"));
    (void)unlink(below("apart/bin/server.real"));
    (void)unlink(below("apart/bin/server.real.version"));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        (void)rmdir(below(folders[i]));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(in_a_virtual_environment),
        cmocka_unit_test(noted),
        cmocka_unit_test(packages),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
