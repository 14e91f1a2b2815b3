/* SPDX-License-Identifier: MIT
 * The folder of a downwardAPI volume, when it is not as it should be, and while it is written. */
#include "sidecar/pool/podwatch.h"

#include "check.h"
#include "common/clock.h"
#include "common/log.h"
#include "http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NPATHS = 16,
    WAIT_MS = 10 * 1000,
    STORM_MS = 1000, /* of a writer that never rests */
    POLLS = 3,       /* at HR_PODWATCH_POLL_MS */
    LABELS = 64,     /* of a version; so that reading takes a moment */
};

static struct ev_loop *loop;
static struct hr_podwatch watch;
static char folder[] = "/tmp/handrail-podwatch-XXXXXX";
static char dir[64];
static unsigned complaints; /* in the log */
static unsigned reads;
static unsigned torn; /* reads that were of no one version */

static bool count_complaint(const char *line, size_t n)
{
    complaints += memmem(line, n, "pod info", 8) != NULL;
    return true;
}

static void on_read(const json_t *labels, const json_t *annotations, void *arg)
{
    (void)arg;
    reads++;
    torn += !json_equal(labels, annotations);
}

/* ---- the volume ---- */

static void put_file(const char *version, const char *name, unsigned number)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", dir, version, name);
    FILE *f = fopen(path, "we");
    for (int i = 0; f && i < LABELS; i++)
        (void)fprintf(f, "label-%d=\"%u\"\n", i, number);
    if (!f || fclose(f))
        abort();
}

static void remove_version(unsigned number)
{
    static const char *const names[] = {"/annotations", "/labels", ""};
    char path[128];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/..version-%u%s", dir, number, names[i]);
        (void)remove(path);
    }
}

/* As the kubelet does it: the one before is removed when the new one is in its place.  Both files
 * say the same. */
static void write_version(unsigned number)
{
    char version[32];
    char path[128];
    char other[128];
    (void)snprintf(version, sizeof(version), "..version-%u", number);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, version);
    if (mkdir(path, 0700))
        abort();
    put_file(version, "labels", number);
    put_file(version, "annotations", number);
    (void)snprintf(path, sizeof(path), "%s/..data_tmp", dir);
    (void)snprintf(other, sizeof(other), "%s/..data", dir);
    if (symlink(version, path) || rename(path, other))
        abort();
    if (number)
        remove_version(number - 1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/handrail-podwatch-XXXXXX");
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!loop || !mkdtemp(folder))
        return -1;
    (void)snprintf(dir, sizeof(dir), "%s/podinfo", folder);
    complaints = reads = torn = 0;
    watch = (struct hr_podwatch){.loop = loop, .on_read = on_read};
    hr_log_divert(count_complaint);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hr_podwatch_stop(&watch);
    hr_log_divert(NULL);
    ev_loop_destroy(loop);
    (void)nftw(folder, remove_one, NPATHS, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* ---- the tests ---- */

/* As where a user has no inotify watches left, which is nothing that ends. */
static void what_cannot_be_watched_is_said_once(void **state)
{
    (void)state;
    assert_int_equal(symlink("podinfo", dir), 0); /* to itself */
    assert_int_equal(hr_podwatch_start(&watch, dir), 0);
    pump(loop, POLLS * HR_PODWATCH_POLL_MS + HR_PODWATCH_POLL_MS / 2);
    assert_true(watch.bad >= 2);
    assert_int_equal(complaints, 2); /* that it cannot be watched, and that it cannot be read */
    assert_int_equal(reads, 0);
    assert_int_equal(unlink(dir), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    write_version(0);
    for (int64_t end = hr_now_ms() + WAIT_MS; !reads && hr_now_ms() < end;)
        pump(loop, 10);
    assert_int_equal(reads, 1);
    assert_int_equal(complaints, 2);
}

static void both_files_are_of_one_version(void **state)
{
    (void)state;
    assert_int_equal(mkdir(dir, 0700), 0);
    write_version(0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0)
        for (unsigned i = 1;; i++)
            write_version(i);
    assert_int_equal(hr_podwatch_start(&watch, dir), 0);
    pump(loop, STORM_MS);
    (void)kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    print_message("%u reads, %u of them torn\n", reads, torn);
    assert_true(reads > 0);
    assert_int_equal(torn, 0);
    assert_int_equal(complaints, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_watched_is_said_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_files_are_of_one_version, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
