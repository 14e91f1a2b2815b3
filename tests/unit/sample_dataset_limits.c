/* SPDX-License-Identifier: MIT
 * Where dataset-analysis stops: rows, bytes, time, work, and when it is told to. */
#include "check.h"
#include "dataset_tree.h"
#include "sanitizer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRUIT "{\"path\":\"fruit.csv\",\"target\":\"fruit\""

static void rows_and_bytes_end_at_the_limits(void **state)
{
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, ",\"max_rows\":500");
    dataset_tree_fruit(&t, 600);
    json_t *v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"fruit.csv\"}",
                                  "500 rows, 5 columns in fruit.csv; there are more rows, but "
                                  "max_rows says so");
    assert_true(json_is_true(json_object_get(v, "truncated")));
    json_decref(v);
    json_decref(dataset_tree_call(&t, TRAIN, FRUIT ",\"max_rows\":200}",
                                  "only the first 200 rows were used: max_rows says so"));
    dataset_tree_fruit(&t, 500);
    v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"fruit.csv\"}", "500 rows, 5 columns");
    assert_true(json_is_false(json_object_get(v, "truncated")));
    json_decref(v);
    sample_tree_remove(&t);

    dataset_tree_make(&t, ",\"max_bytes\":100000");
    dataset_tree_fruit(&t, 20000);
    json_decref(dataset_tree_call(&t, DESCRIBE, "{\"path\":\"fruit.csv\"}",
                                  "but one call reads no more bytes"));
    sample_tree_remove(&t);
}

static void time_ends_a_call(void **state)
{
    struct sample_tree t;

    (void)state;
    dataset_tree_make(&t, ",\"timeout_ms\":1");
    dataset_tree_fruit(&t, 50000);
    sample_tree_refused(&t, TRAIN, FRUIT "}", HANDRAIL_E_TIMEOUT, "set max_rows, or raise timeout");
    sample_tree_refused(&t, DESCRIBE, "{\"path\":\"fruit.csv\"}", HANDRAIL_E_TIMEOUT, "to read so");
    sample_tree_remove(&t);
}

/* A file may be nothing but ends of lines, and they cost as much as what is between them. */
static void lines_without_anything_count(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    dataset_tree_make(&t, ",\"max_bytes\":100000");
    sample_tree_text(&t, "few.csv", "\n\na\n\n1\n\n2\n\n\n");
    json_t *v = dataset_tree_call(&t, DESCRIBE, "{\"path\":\"few.csv\"}", "2 rows, 1 columns");
    assert_true(json_is_false(json_object_get(v, "truncated")));
    json_decref(v);
    sample_tree_fill(&t, "many.csv", '\n', 1000000, "a\n1\n");
    sample_tree_refused(&t, DESCRIBE, "{\"path\":\"many.csv\"}", HANDRAIL_E_INVALID,
                        "many.csv has nothing in its first 100000 bytes");
    sample_tree_remove(&t);

    dataset_tree_make(&t, "");
    sample_tree_fill(&t, "many.csv", '\n', 1000000, "a\n1\n");
    fake_call_init(&c);
    c.cancel_at_poll = 2;
    assert_int_equal(sample_tree_call(&t, &c, DESCRIBE, "{\"path\":\"many.csv\"}"),
                     HANDRAIL_E_CANCELLED);
    fake_call_free(&c);
    json_decref(dataset_tree_call(&t, DESCRIBE, "{\"path\":\"many.csv\"}", "1 rows, 1 columns"));
    sample_tree_remove(&t);
}

/* Wherever it is cancelled, it says so and leaves no file. */
static void a_call_can_be_cancelled(void **state)
{
    struct sample_tree t;
    char path[256];
    long polls = 1;

    (void)state;
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 3000);
    (void)snprintf(path, sizeof(path), "%s/models", t.root);
    for (;; polls++) {
        handrail_call c;
        fake_call_init(&c);
        c.cancel_at_poll = polls;
        handrail_status status = sample_tree_call(&t, &c, TRAIN, FRUIT "}");
        fake_call_free(&c);
        if (status == HANDRAIL_OK)
            break;
        assert_int_equal(status, HANDRAIL_E_CANCELLED);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_in_range(polls, 15, 30); /* reading, encoding twice, after both steps of training */
    sample_tree_remove(&t);
}

static void work_is_bounded(void **state)
{
    enum { ROWS = 120000, COLUMNS = 60 };
    struct sample_tree t;
    size_t size = (size_t)ROWS * (2 * COLUMNS + 8) + 4096, len = 0;
    char *csv = malloc(size);

    (void)state;
    assert_non_null(csv);
    for (int i = 0; i < COLUMNS; i++)
        len += (size_t)snprintf(csv + len, size - len, "c%d,", i);
    len += (size_t)snprintf(csv + len, size - len, "y\n");
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < COLUMNS; i++, len += 2)
            memcpy(csv + len, (row + i) % 3 ? "1," : "2,", 2);
        len += (size_t)snprintf(csv + len, size - len, "k%d\n", row % 40);
    }
    dataset_tree_make(&t, "");
    sample_tree_write(&t, "x.csv", csv, len);
    free(csv);
    sample_tree_refused(&t, TRAIN, "{\"path\":\"x.csv\",\"target\":\"y\"}", HANDRAIL_E_LIMIT,
                        "cannot be stopped once it runs: set max_rows to less than");
    sample_tree_remove(&t);
}

enum { TRAINED = 42 }; /* an exit code */

/* Train in a process that may have so much more memory than this one has.  How it ended. */
static int train_within(const struct sample_tree *t, size_t more)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    int status = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*u %*u %*u %*u %*u %lu", &pages), 1);
    (void)fclose(f);
    rlim_t bytes = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        handrail_call c;
        fake_call_init(&c);
        c.text_max = 10; /* not so far that this host needs memory */
        (void)setrlimit(RLIMIT_DATA, &(struct rlimit){bytes, bytes});
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka would go on with the next test */
        _exit(fake_host_invoke(t->plugin, t->self, TRAIN, &c, FRUIT "}") == HANDRAIL_E_LIMIT
                  ? TRAINED
                  : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* liblinear dies of it. */
static void memory_may_end_anywhere(void **state)
{
    enum { STEP = 64 * 1024, STEPS_MAX = 1000 };
    struct sample_tree t;
    int steps = 0, status = 0;

    (void)state;
    if (HR_SANITIZER)
        skip();
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 20000);
    for (; steps < STEPS_MAX && !(WIFEXITED(status) && WEXITSTATUS(status) == TRAINED); steps++) {
        status = train_within(&t, (size_t)steps * STEP);
        if (!WIFEXITED(status))
            fail_msg("with %d KiB more it ends with signal %d", steps * STEP / 1024,
                     WTERMSIG(status));
    }
    assert_in_range(steps, 10, STEPS_MAX - 1);
    sample_tree_remove(&t);
}

static void the_host_takes_no_more(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    dataset_tree_make(&t, "");
    dataset_tree_fruit(&t, 30);
    fake_call_init(&c);
    c.text_max = 10;
    assert_int_equal(sample_tree_call(&t, &c, DESCRIBE, "{\"path\":\"fruit.csv\"}"),
                     HANDRAIL_E_LIMIT);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

int sample_dataset_limits(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(memory_may_end_anywhere), /* while little has been freed */
        cmocka_unit_test(rows_and_bytes_end_at_the_limits),
        cmocka_unit_test(time_ends_a_call),
        cmocka_unit_test(a_call_can_be_cancelled),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(the_host_takes_no_more),
        cmocka_unit_test(lines_without_anything_count),
    };

    return cmocka_run_group_tests_name("dataset/limits", all, NULL, NULL);
}
