/* SPDX-License-Identifier: MIT
 * See output_fixture.h. */
#include "output_fixture.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- time stands still until a test moves it ----------------------------------------------- */

int64_t now = 1000000;

int64_t hr_now_ms(void)
{
    return now;
}

int64_t hr_now_us(void)
{
    return now * 1000;
}

int64_t hr_wall_ms(void)
{
    return now;
}

/* ---- an output, two sinks, and who reads there --------------------------------------------- */

struct hr_output out;
struct hr_sink sinks[HR_NSTREAMS];
struct reader readers[HR_NSTREAMS];

static bool put_log_line(const char *line, size_t n)
{
    return hr_sink_put(&sinks[HR_STDERR], NULL, line, n);
}

void begin(enum hr_output_mode mode, uint32_t lines_per_s)
{
    struct hr_output_settings settings = {mode, lines_per_s, {&sinks[0], &sinks[1]}};
    if (mode == HR_OUTPUT_OWN)
        settings.sinks[HR_STDOUT] = &sinks[HR_STDERR];
    for (int k = 0; k < HR_NSTREAMS; k++) {
        assert_int_equal(pipe2(readers[k].ends, O_CLOEXEC), 0);
        assert_true(fcntl(readers[k].ends[0], F_SETFL, O_NONBLOCK) >= 0);
        hr_sink_init(&sinks[k], readers[k].ends[1]);
        readers[k].len = 0;
    }
    assert_int_equal(hr_output_init(&out, "toolhost/x", &settings), 0);
    hr_log_divert(put_log_line);
    (void)alarm(60); /* deadly, should something block */
}

void end(void)
{
    (void)alarm(0);
    hr_log_divert(NULL);
    hr_output_close(&out);
    for (int k = 0; k < HR_NSTREAMS; k++) {
        hr_sink_close(&sinks[k]);
        hr_close(&readers[k].ends[0]);
        hr_close(&readers[k].ends[1]);
    }
}

/* What the service writes, into its pipe, which must have room. */
void say(enum hr_stream_id which, const char *text, size_t n)
{
    int there = 0;
    assert_int_equal(ioctl(out.streams[which].read_fd, FIONREAD, &there), 0);
    assert_true((size_t)there + n <= 64 * 1000); /* lines of a hundred bytes leave gaps */
    assert_int_equal(hr_write_all(out.streams[which].write_fd, text, n), 0);
}

/* What has arrived at a reader, at most max bytes of it now. */
const char *take_some(enum hr_stream_id which, size_t max)
{
    struct reader *r = &readers[which];
    size_t most = sizeof(r->text) - 1 - r->len;
    most = most < max ? most : max;
    for (ssize_t n = 0; most > 0 && (n = read(r->ends[0], r->text + r->len, most)) > 0;) {
        r->len += (size_t)n;
        most -= (size_t)n;
    }
    r->text[r->len] = '\0';
    return r->text;
}

/* All that can arrive, with the turns of the loop that it takes. */
const char *take(enum hr_stream_id which)
{
    for (;;) {
        size_t before = readers[which].len;
        if (hr_sink_wants_write(&sinks[which]))
            hr_sink_flush(&sinks[which]);
        hr_output_timer(&out);
        for (int k = 0; k < HR_NSTREAMS; k++)
            hr_output_read(&out, (enum hr_stream_id)k);
        (void)take_some(which, SIZE_MAX);
        if (readers[which].len == before && !hr_sink_wants_write(&sinks[which]))
            return readers[which].text;
    }
}

/* Forget what has arrived. */
void forget(void)
{
    for (int k = 0; k < HR_NSTREAMS; k++) {
        (void)take((enum hr_stream_id)k);
        readers[k].len = 0;
    }
}

/* Feed text in small pieces, as it comes; what reaches the reader, and how many lines of it. */
const char *pass(enum hr_stream_id which, const char *text, size_t n, int *ret_lines)
{
    enum hr_stream_id to = out.mode == HR_OUTPUT_OWN ? HR_STDERR : which;
    forget();
    for (size_t at = 0; at < n;) {
        size_t piece = n - at < 1000 ? n - at : 1000;
        say(which, text + at, piece);
        hr_output_read(&out, which);
        (void)take(to);
        at += piece;
    }
    const char *got = take(to);
    *ret_lines = 0;
    for (size_t i = 0; i < readers[to].len; i++)
        *ret_lines += got[i] == '\n';
    return got;
}

size_t tail_text(char *text)
{
    uint64_t lost = 0;
    size_t n = hr_tail_copy(&out.tail, text, HR_TAIL_BYTES, &lost);
    text[n] = '\0';
    return n;
}
