/* The conversation with the bench runner: one line per step on standard output. */
#include "load.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        fail("out of memory (%zu bytes)", bytes);
    return memory;
}

static void deadline_passed(int signal_number)
{
    static const char line[] = "failed {\"error\": \"the generator's deadline passed\"}\n";
    (void)signal_number;
    /* write and _exit only: this interrupts whatever was going on */
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0)
        _exit(2);
    _exit(1);
}

void control_deadline(double seconds)
{
    signal(SIGALRM, deadline_passed);
    signal(SIGPIPE, SIG_IGN);
    alarm((unsigned)seconds + 1);
}

void control_ready(void)
{
    char line[16];
    printf("ready {}\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin) || strncmp(line, "go", 2) != 0)
        exit(1);
}

void control_done(const char *format, ...)
{
    char line[16];
    va_list arguments;
    va_start(arguments, format);
    printf("done {");
    vprintf(format, arguments);
    printf("}\n");
    fflush(stdout);
    va_end(arguments);
    /* connections stay open until the runner has looked at the server's memory */
    while (fgets(line, sizeof line, stdin))
        continue;
}

_Noreturn void fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '\'';
    flockfile(stdout); /* never released: the first failure is the one to report */
    printf("failed {\"error\": \"%s\"}\n", text);
    fflush(stdout);
    _exit(1);
}
