/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/tail.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static struct hr_tail tail;
static char got[HR_TAIL_BYTES + 1];

static size_t copy(size_t room)
{
    memset(got, '#', sizeof(got));
    size_t n = hr_tail_copy(&tail, got, room);
    assert_true(n <= room);
    assert_int_equal(got[n], '#');
    return n;
}

static void what_fits_is_all_there(void **state)
{
    (void)state;
    hr_tail_reset(&tail);
    assert_int_equal(copy(HR_TAIL_BYTES), 0);
    hr_tail_add(&tail, "half ", 5);
    hr_tail_add(&tail, "", 0);
    hr_tail_add(&tail, "a\0line\nx", 8);
    assert_int_equal(copy(HR_TAIL_BYTES), 13);
    assert_memory_equal(got, "half a\0line\nx", 13);
    assert_int_equal(copy(13), 13);
    assert_int_equal(tail.total, 13);
    hr_tail_reset(&tail);
    assert_int_equal(copy(HR_TAIL_BYTES), 0);
}

static void little_room_gets_whole_lines(void **state)
{
    (void)state;
    hr_tail_reset(&tail);
    hr_tail_add(&tail, "one\ntwo\nthree\n", 14);
    assert_int_equal(copy(13), 10);
    assert_memory_equal(got, "two\nthree\n", 10);
    assert_int_equal(copy(10), 10); /* begins with a line as it is */
    assert_int_equal(copy(9), 6);
    assert_memory_equal(got, "three\n", 6);
    assert_int_equal(copy(3), 3); /* no line begins there: better than nothing */
    assert_memory_equal(got, "ee\n", 3);
    assert_int_equal(copy(0), 0);
}

static void one_endless_line_is_kept_too(void **state)
{
    static char big[3 * HR_TAIL_BYTES];
    (void)state;
    hr_tail_reset(&tail);
    memset(big, 'z', sizeof(big));
    hr_tail_add(&tail, big, sizeof(big));
    assert_int_equal(copy(HR_TAIL_BYTES), HR_TAIL_BYTES - 1);
    assert_int_equal(strspn(got, "z"), HR_TAIL_BYTES - 1);
}

/* Against the simplest thing that could do the same. */
static void any_pieces_leave_the_same_end(void **state)
{
    enum { ALL = 300 * 1000 };
    static char all[ALL];
    (void)state;
    srand(1);
    for (int round = 0; round < 20; round++) {
        size_t n = 0;
        hr_tail_reset(&tail);
        while (n < ALL) {
            size_t piece = (size_t)rand() % (rand() % 8 ? 300 : 100 * 1000);
            piece = piece < ALL - n ? piece : ALL - n;
            for (size_t i = 0; i < piece; i++)
                all[n + i] = (char)(rand() % 60 ? rand() % 256 : '\n');
            hr_tail_add(&tail, all + n, piece);
            n += piece;
            size_t room = (size_t)rand() % (HR_TAIL_BYTES + 1);
            size_t most = room < HR_TAIL_BYTES ? room : HR_TAIL_BYTES - 1;
            size_t from = n > most ? n - most : 0;
            while (from > 0 && from < n && all[from - 1] != '\n')
                from++;
            if (from == n && n > most)
                from = n - most;
            assert_int_equal(copy(room), n - from);
            assert_memory_equal(got, all + from, n - from);
        }
        assert_int_equal(tail.total, ALL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_all_there),
        cmocka_unit_test(little_room_gets_whole_lines),
        cmocka_unit_test(one_endless_line_is_kept_too),
        cmocka_unit_test(any_pieces_leave_the_same_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
