/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/tail.h"

#include "check.h"
#include "common/log.h"
#include "loader/supervisor/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hr_tail tail;
static char got[HR_TAIL_BYTES + 1];
static uint64_t lost;

static size_t copy(size_t room)
{
    memset(got, '#', sizeof(got));
    size_t n = hr_tail_copy(&tail, got, room, &lost);
    assert_true(n <= room);
    assert_int_equal(got[n], '#');
    return n;
}

/* All of it, as a string. */
static const char *text(void)
{
    got[copy(HR_TAIL_BYTES)] = '\0';
    return got;
}

static void add(unsigned stream, const char *s)
{
    hr_tail_add(&tail, stream, s, strlen(s));
}

static void what_fits_is_all_there(void **state)
{
    (void)state;
    hr_tail_reset(&tail);
    assert_int_equal(copy(HR_TAIL_BYTES), 0);
    add(0, "half ");
    hr_tail_add(&tail, 0, "", 0);
    hr_tail_add(&tail, 0, "a\0line\nx", 8);
    assert_int_equal(copy(HR_TAIL_BYTES), 13);
    assert_memory_equal(got, "half a\0line\nx", 13);
    assert_int_equal(copy(14), 13);
    assert_int_equal(lost, 0);
    assert_int_equal(tail.total, 13);
    hr_tail_reset(&tail);
    assert_int_equal(copy(HR_TAIL_BYTES), 0);
    assert_int_equal(lost, 0);
}

static void little_room_gets_whole_lines(void **state)
{
    (void)state;
    hr_tail_reset(&tail);
    add(0, "one\ntwo\nthree\n");
    assert_int_equal(copy(14), 10); /* there could have been a newline */
    assert_memory_equal(got, "two\nthree\n", 10);
    assert_int_equal(lost, 4);
    assert_int_equal(copy(11), 6);
    assert_memory_equal(got, "three\n", 6);
    assert_int_equal(lost, 8);
    assert_int_equal(copy(4), 3); /* no line begins there: better than nothing */
    assert_memory_equal(got, "ee\n", 3);
    assert_int_equal(lost, 11);
    assert_int_equal(copy(1), 0);
    assert_int_equal(copy(0), 0);
    assert_int_equal(lost, 14);
}

static void one_endless_line_is_kept_too(void **state)
{
    static char big[3 * HR_TAIL_BYTES];
    (void)state;
    hr_tail_reset(&tail);
    memset(big, 'z', sizeof(big));
    hr_tail_add(&tail, 0, big, sizeof(big));
    assert_int_equal(copy(HR_TAIL_BYTES), HR_TAIL_BYTES - 1);
    assert_int_equal(strspn(got, "z"), HR_TAIL_BYTES - 1);
    assert_int_equal(lost, sizeof(big) - HR_TAIL_BYTES + 1);
}

static void every_turn_begins_a_line(void **state)
{
    (void)state;
    hr_tail_reset(&tail);
    add(0, "a");
    add(0, "a");
    add(1, "b\n");
    add(0, "aa\n");
    add(1, "bbb");
    add(0, "\n");
    assert_string_equal(text(), "aa\nb\naa\nbbb\n\n");
    hr_tail_reset(&tail);
    add(1, "dies");
    hr_tail_end(&tail);
    hr_tail_end(&tail);
    add(1, "lives ");
    add(1, "on\n");
    assert_string_equal(text(), "dies\nlives on\n");
    add(1, "dies");
    hr_tail_end(&tail);
    hr_tail_reset(&tail); /* and another life begins */
    add(1, "x");
    assert_string_equal(text(), "x");
    assert_int_equal(tail.turns, 1);
}

/* More turns than are remembered: the last ones are. */
static void many_turns_leave_the_last(void **state)
{
    char line[16];
    (void)state;
    hr_tail_reset(&tail);
    for (unsigned i = 0; i < 3 * HR_TAIL_TURNS; i++) {
        (void)snprintf(line, sizeof(line), "%07u\n", i);
        add(i % 2, line);
    }
    assert_int_equal(copy(HR_TAIL_BYTES), (HR_TAIL_TURNS - 1) * 8);
    for (size_t i = 1; i < HR_TAIL_TURNS; i++)
        assert_int_equal(strtoul(got + (i - 1) * 8, NULL, 10), (size_t)HR_TAIL_TURNS * 2 + i);
    assert_int_equal(lost, (2 * HR_TAIL_TURNS + 1) * 8);
}

/* ---- against the simplest thing that could do the same ------------------------------------- */

enum { ALL = 300 * 1000 };
static char all[ALL];
static bool begins[ALL]; /* a turn */
static char want[2 * ALL];

/* What is to come out of the first n bytes of all. */
static size_t expect(size_t n, size_t room, size_t *ret_from)
{
    size_t from = n;
    size_t used = 1;  /* the newline of the last turn */
    size_t turns = 1; /* none that is remembered has to be forgotten */
    while (from > 0 && used < room && turns <= HR_TAIL_TURNS) {
        from--;
        used++;
        if (begins[from] && (turns++ == HR_TAIL_TURNS || ++used >= room))
            break;
    }
    size_t line = from;
    while (line > 0 && line < n && (line == from || all[line - 1] != '\n'))
        line++;
    if (line < n)
        from = line;
    size_t len = 0;
    *ret_from = from;
    for (size_t i = from; i < n; i++) {
        if (begins[i] && len && want[len - 1] != '\n')
            want[len++] = '\n';
        want[len++] = all[i];
    }
    return len;
}

static void any_pieces_leave_the_same_end(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 40; round++) {
        size_t n = 0;
        unsigned stream = 0;
        unsigned last = 2;
        hr_tail_reset(&tail);
        while (n < ALL) {
            size_t piece = 1 + (size_t)rand() % (rand() % 8 || round < 4 ? 300 : 100 * 1000);
            piece = piece < ALL - n ? piece : ALL - n;
            stream = rand() % (1 + round % 4) ? 1 - stream : stream;
            for (size_t i = 0; i < piece; i++) {
                all[n + i] = (char)(rand() % 60 ? rand() % 256 : '\n');
                begins[n + i] = i == 0 && stream != last;
            }
            hr_tail_add(&tail, stream, all + n, piece);
            last = stream;
            n += piece;
            if (rand() % 16)
                continue;
            size_t from = 0;
            size_t room = 2 + (size_t)rand() % (HR_TAIL_BYTES - 1);
            size_t len = expect(n, room, &from);
            assert_int_equal(copy(room), len);
            assert_memory_equal(got, want, len);
            assert_int_equal(lost, from);
        }
        assert_int_equal(tail.total, ALL);
    }
}

/* ---- secrets ------------------------------------------------------------------------------- */

static const char key[] = "K=0123456789";
static const char lines_key[] = "LINES_KEY=ABCDE\nFGH\nIJKLMNO";

static void know_keys(void)
{
    static char kept[2][64];
    char *env[] = {kept[0], kept[1], NULL};
    (void)snprintf(kept[0], sizeof(kept[0]), "A_KEY=%s", key + 2);
    (void)snprintf(kept[1], sizeof(kept[1]), "%s", lines_key);
    hr_secrets_init(env);
    hr_tail_reset(&tail);
}

static void a_secret_that_is_interrupted_is_masked(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < 10; cut++) {
        char expected[64];
        know_keys();
        add(0, "token: ");
        hr_tail_add(&tail, 0, key + 2, cut);
        add(1, "INFO\n");
        add(0, key + 2 + cut);
        add(0, ".\n");
        (void)snprintf(expected, sizeof(expected), "token: %.*s\nINFO\n%.*s.\n", (int)cut, "****",
                       (int)(10 - cut), "****");
        assert_string_equal(text(), expected);
    }
    know_keys(); /* of each of the two, and three times */
    add(0, "012");
    add(1, "ABCDE\nF");
    add(0, "345");
    add(1, "GH\nI");
    add(0, "6789 and");
    add(1, "JKLMNO too");
    assert_string_equal(text(), "***\n****\n***\n****\n**** and\n**** too");
}

static void lines_between_those_of_a_secret_do_not_hide_it(void **state)
{
    (void)state;
    know_keys();
    add(0, "key:\nABCDE\n");
    add(1, "INFO\n");
    add(0, "FGH\n");
    add(1, "INFO\n");
    add(0, "IJKLMNO\n");
    assert_string_equal(text(), "key:\n****\nINFO\n****\nINFO\n****\n");
}

static void each_stream_may_begin_and_end_inside_of_one(void **state)
{
    static char big[HR_TAIL_BYTES];
    (void)state;
    know_keys();
    memset(big, 'x', sizeof(big));
    add(0, "key: 0123");
    add(1, "ABCDE\nF"); /* this far, all is lost */
    hr_tail_add(&tail, 0, big, sizeof(big) - 100);
    add(0, "\nline 456789\n");
    add(1, "GH\nIJKLMNO of it\n");
    add(0, "012345");
    add(1, "ABCDE\nFG");
    size_t n = copy(100); /* and now most of the line as well */
    got[n] = '\0';
    assert_string_equal(got, "line 456789\n**** of it\n****\n****");
}

/* Two streams in pieces, with secrets of letters that nothing else has: none of them is seen. */
static void no_byte_of_a_secret_is_seen(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 3000; round++) {
        static char said[2][2000];
        size_t n[2] = {0};
        size_t at[2] = {0};
        know_keys();
        for (int s = 0; s < 2; s++) {
            while (n[s] < sizeof(said[s]) - 100) {
                const char *piece = rand() % 3   ? &"text.\n"[rand() % 7]
                                    : rand() % 2 ? key + 2
                                                 : lines_key + 10;
                n[s] += (size_t)snprintf(said[s] + n[s], 100, "%s", piece);
            }
        }
        while (at[0] < n[0] || at[1] < n[1]) {
            unsigned s = (unsigned)rand() % 2;
            size_t piece = (size_t)rand() % (size_t)(2 + round % 40);
            piece = piece < n[s] - at[s] ? piece : n[s] - at[s];
            hr_tail_add(&tail, s, said[s] + at[s], piece);
            at[s] += piece;
        }
        const char *t = text();
        assert_int_equal(lost, 0);
        assert_int_equal(strlen(t), strspn(t, "tex.\n*"));
        assert_non_null(strchr(t, '*'));
    }
}

static void too_many_secrets_withhold_it(void **state)
{
    static char values[HR_SECRETS_MAX + 1][16];
    (void)state;
    know_keys();
    hr_log_init("test", HR_LOG_NONE);
    for (int i = 0; i <= HR_SECRETS_MAX; i++) {
        (void)snprintf(values[i], sizeof(values[i]), "secret-%04d", i);
        (void)hr_secrets_add(values[i], 11);
    }
    assert_string_equal(text(), "");
    add(0, "secret-0512");
    assert_string_equal(text(), "[withheld: more secrets than can be looked for]\n");
    assert_int_equal(lost, 11);
    assert_int_equal(copy(5), 5);
    assert_memory_equal(got, "[with", 5);
    hr_secrets_init(NULL);
    assert_string_equal(text(), "secret-0512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_all_there),
        cmocka_unit_test(little_room_gets_whole_lines),
        cmocka_unit_test(one_endless_line_is_kept_too),
        cmocka_unit_test(every_turn_begins_a_line),
        cmocka_unit_test(many_turns_leave_the_last),
        cmocka_unit_test(any_pieces_leave_the_same_end),
        cmocka_unit_test(a_secret_that_is_interrupted_is_masked),
        cmocka_unit_test(lines_between_those_of_a_secret_do_not_hide_it),
        cmocka_unit_test(each_stream_may_begin_and_end_inside_of_one),
        cmocka_unit_test(no_byte_of_a_secret_is_seen),
        cmocka_unit_test(too_many_secrets_withhold_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
