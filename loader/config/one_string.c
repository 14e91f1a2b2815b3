/* SPDX-License-Identifier: MIT
 * A whole command in one argument.  See one_string.h. */
#include "one_string.h"

#include "program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n";

/* No character that means something to a shell.  A '=' is plain too, but not in the first word. */
static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,+@%= \t";
    return text[strspn(text, plain)] == '\0';
}

/* Is the first word a program?  A word that the shell itself knows ("exit 3", "exec x") is not,
 * unless there is a program of that name, which does the same. */
static bool is_program(const char *word)
{
    char *path = NULL;
    if (strchr(word, '=') || hr_program_find(word, "", &path))
        return false;
    free(path);
    return true;
}

/* Pointers and text in one piece: room for n of them, NULL included.  NULL: no memory. */
static char **make(const char *text, size_t n, char **ret_text)
{
    size_t len = strlen(text) + 1;
    char **argv = calloc(1, n * sizeof(*argv) + len);
    if (argv) {
        *ret_text = (char *)(argv + n);
        memcpy(*ret_text, text, len);
    }
    return argv;
}

static size_t split(char *text, char **argv)
{
    size_t n = 0;
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        argv[n++] = text;
        text += strcspn(text, blanks);
        if (*text)
            *text++ = '\0';
    }
    return n;
}

int hr_one_string(const char *text, char ***ret_argv)
{
    char *copy = NULL;
    char **argv = make(text, strlen(text) / 2 + 4, &copy); /* words, or the four of the shell */
    if (!argv)
        return -ENOMEM;
    if (!is_plain(text) || split(copy, argv) == 0 || !is_program(argv[0])) {
        static char shell[] = "/bin/sh";
        static char flag[] = "-c";
        memcpy(copy, text, strlen(text));
        argv[0] = shell;
        argv[1] = flag;
        argv[2] = copy;
        argv[3] = NULL;
    }
    *ret_argv = argv;
    return 0;
}
