/* SPDX-License-Identifier: MIT
 * Looking again and again.  See watch.h. */
#include "watch.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum {
    FRAME_MAX = 64 * 1024 * 1024, /* bytes */
    ROWS = 24,                    /* of a terminal that does not tell */
    COLUMNS = 80,
};

/* The other screen, no cursor, and no line that goes on in the next row. */
static const char enter_text[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
static const char leave_text[] = "\033[?7h\033[?25h\033[?1049l";

static struct termios before; /* the terminal's modes as they were */
/* They have been changed: keys come one by one and are not echoed. */
static volatile sig_atomic_t have_keys;
static volatile sig_atomic_t anew =
    1; /* the screen has another size, or has been somebody else's */

/* ---- the terminal, also from signal handlers ---- */

static void enter(void)
{
    struct termios now;
    (void)!write(STDOUT_FILENO, enter_text, sizeof(enter_text) - 1);
    /* Changing the modes would stop us in the background. */
    if (have_keys || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &before) < 0)
        return;
    now = before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    have_keys = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
}

static void leave(void)
{
    (void)!write(STDOUT_FILENO, leave_text, sizeof(leave_text) - 1);
    if (have_keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    have_keys = 0;
}

/* once: as if it were not handled from then on. */
static void handle(int number, void (*handler)(int), bool once)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    if (once)
        sa.sa_flags |= (int)SA_RESETHAND;
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(number, &sa, NULL);
}

/* Whatever would have happened without us happens when this handler returns. */
static void on_end(int number)
{
    int err = errno;
    leave();
    (void)raise(number);
    errno = err;
}

static void on_continue(int number)
{
    int err = errno;
    (void)number;
    enter(); /* whoever stopped us, others may have used the terminal meanwhile */
    anew = 1;
    errno = err;
}

/* Stop, as without us; back when continued, or at once if the kernel sees nobody who could. */
static void on_stop(int number)
{
    int err = errno;
    sigset_t set;
    leave();
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)raise(number); /* its action is the default one now */
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    handle(number, on_stop, true);
    enter();
    anew = 1;
    errno = err;
}

static void on_resize(int number)
{
    (void)number;
    anew = 1;
}

static void take_terminal(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        handle(ends[i], on_end, true);
    handle(SIGTSTP, on_stop, true);
    handle(SIGCONT, on_continue, false);
    handle(SIGWINCH, on_resize, false);
    enter();
}

/* ---- frames ---- */

struct frame {
    char *text; /* lines, each with its newline */
    size_t len;
};

/* One look.  Its code; -1 without memory. */
static int take(hr_watch_look *look, void *arg, struct frame *ret)
{
    struct frame f = {.text = NULL};
    FILE *out = open_memstream(&f.text, &f.len);
    if (!out)
        return -1;
    int code = look(out, arg);
    if (fclose(out)) {
        free(f.text);
        return -1;
    }
    *ret = f;
    return code;
}

static int count_lines(const struct frame *f)
{
    int n = 0;
    for (size_t i = 0; i < f->len; i++)
        n += f->text[i] == '\n';
    return n;
}

/* The next line of a text, without its newline; NULL after the last. */
static const char *next_line(const char **at, const char *end, size_t *ret_n)
{
    const char *line = *at;
    if (line >= end)
        return NULL;
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    *ret_n = (size_t)((newline ? newline : end) - line);
    *at = newline ? newline + 1 : end;
    return line;
}

static struct winsize size_of_terminal(void)
{
    struct winsize size = {.ws_row = 0};
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (!size.ws_row)
        size.ws_row = ROWS;
    if (!size.ws_col)
        size.ws_col = COLUMNS;
    return size;
}

/* The bytes of what begins at s that stay together, and whether they take a column: a character, or
 * an escape sequence of ours. */
static size_t piece(const char *s, size_t n, bool *ret_seen)
{
    size_t len = 1;
    *ret_seen = *s != '\033';
    if (!*ret_seen)
        while (len < n && s[len - 1] != 'm')
            len++;
    else
        while (len < n && ((unsigned char)s[len] & 0xc0) == 0x80)
            len++;
    return len;
}

/* The frame with no line wider than that: what is too long goes on in the next row.  0 or -ENOMEM;
 * the text of *ret is the caller's. */
static int fold(const struct frame *f, unsigned width, struct frame *ret)
{
    struct frame folded = {.text = NULL};
    unsigned column = 0;
    FILE *out = open_memstream(&folded.text, &folded.len);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0, n = 0; i < f->len; i += n) {
        bool seen = false;
        n = piece(f->text + i, f->len - i, &seen);
        bool full = seen && f->text[i] != '\n' && column == width;
        if (full)
            (void)fputc('\n', out);
        if (full || f->text[i] == '\n')
            column = 0;
        column += seen && f->text[i] != '\n';
        (void)fwrite(f->text + i, 1, n, out);
    }
    if (fclose(out)) {
        free(folded.text);
        return -ENOMEM;
    }
    *ret = folded;
    return 0;
}

/* What makes the screen that shows `old` (nothing, if its text is NULL) show `new`. */
static int difference(struct hr_buf *out, const struct frame *old, const struct frame *new,
                      int height)
{
    const char *a = old->text;
    const char *b = new->text;
    int total = count_lines(new);
    bool cut = total > height || count_lines(old) > height;
    int shown = total > height ? height - 1 : total;
    int err = old->text ? 0 : hr_buf_adds(out, "\033[2J");
    for (int row = 1; row <= shown && !err; row++) {
        size_t na = 0;
        size_t nb = 0;
        const char *la = a ? next_line(&a, old->text + old->len, &na) : NULL;
        const char *lb = next_line(&b, new->text + new->len, &nb);
        if (la && na == nb && memcmp(la, lb, na) == 0 && !(cut && row >= height))
            continue;
        err = hr_buf_addf(out, "\033[%d;1H", row);
        if (!err)
            err = hr_buf_add(out, lb, nb);
        if (!err) /* a colour that goes on in the next row ends here */
            err = hr_buf_adds(out, memchr(lb, '\033', nb) ? "\033[0m\033[K" : "\033[K");
    }
    if (!err && total > height)
        err = hr_buf_addf(out, "\033[%d;1H... and %d lines more\033[K", height, total - shown);
    else if (!err && total < height && (cut || count_lines(old) > total))
        err = hr_buf_addf(out, "\033[%d;1H\033[J", total + 1);
    return err;
}

static int draw(const struct frame *old, const struct frame *new)
{
    struct frame shown = {.text = NULL}; /* nothing */
    struct frame next = {.text = NULL};
    struct hr_buf out;
    bool all = anew;
    anew = 0; /* before the size is read: another change of it comes again */
    struct winsize size = size_of_terminal();
    hr_buf_init(&out, FRAME_MAX);
    int err = fold(new, size.ws_col, &next);
    if (!err && !all)
        err = fold(old, size.ws_col, &shown);
    if (!err)
        err = difference(&out, &shown, &next, size.ws_row);
    if (!err)
        err = hr_write_all(STDOUT_FILENO, hr_buf_str(&out), out.len);
    hr_buf_free(&out);
    free(shown.text);
    free(next.text);
    return err;
}

/* ---- waiting ---- */

/* Until then, or until something has to be drawn anew.  True: the key q. */
static bool wait_until(int64_t then_ms)
{
    for (int64_t left = then_ms - hr_now_ms(); left > 0 && !anew; left = then_ms - hr_now_ms()) {
        struct pollfd p = {.fd = have_keys ? STDIN_FILENO : -1, .events = POLLIN};
        char key = 0;
        if (poll(&p, 1, (int)left) <= 0 || !p.revents)
            continue;
        ssize_t n = read(STDIN_FILENO, &key, 1);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            have_keys = 0; /* nobody is there any more */
        if (n == 1 && (key == 'q' || key == 'Q'))
            return true;
    }
    return false;
}

static int watch_screen(hr_watch_look *look, void *arg, int64_t period_ms, struct frame *first)
{
    struct frame old = *first;
    struct frame new = {.text = NULL};
    int64_t then_ms = hr_now_ms() + period_ms;
    take_terminal();
    int err = draw(&old, &old);
    while (!err && !wait_until(then_ms)) {
        if (hr_now_ms() < then_ms) { /* another size */
            err = draw(&old, &old);
            continue;
        }
        if (take(look, arg, &new) < 0)
            err = -ENOMEM;
        then_ms = hr_now_ms() + period_ms;
        if (err)
            break;
        err = draw(&old, &new);
        free(old.text);
        old = new;
    }
    leave();
    first->text = old.text;
    return err ? HR_EXIT_IOERR : 0;
}

static int watch_lines(hr_watch_look *look, void *arg, int64_t period_ms, const char *between)
{
    for (;;) {
        int64_t then_ms = hr_now_ms() + period_ms;
        while (hr_now_ms() < then_ms)
            (void)poll(NULL, 0, (int)(then_ms - hr_now_ms()));
        (void)fputs(between, stdout);
        (void)look(stdout, arg);
        if (fflush(stdout) || ferror(stdout))
            return HR_EXIT_IOERR;
    }
}

int hr_watch(hr_watch_look *look, void *arg, int64_t period_ms, bool lines)
{
    struct frame first = {.text = NULL};
    bool screen = !lines && hr_text_is_screen(STDOUT_FILENO);
    int code = take(look, arg, &first);
    if (code == 0 && screen) {
        code = watch_screen(look, arg, period_ms, &first);
    } else if (code == 0) {
        (void)fwrite(first.text, 1, first.len, stdout);
        code = fflush(stdout) || ferror(stdout)
                   ? HR_EXIT_IOERR
                   : watch_lines(look, arg, period_ms, lines ? "" : "\n");
    } else if (code > 0) {
        (void)fwrite(first.text, 1, first.len, stderr);
    }
    free(first.text);
    return code < 0 ? HR_EXIT_IOERR : code;
}
