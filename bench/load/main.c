/* load WHAT --port N ...: see load.h for the conversation it holds with the bench runner. */
#include "load.h"

#include <string.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct options *);
    } commands[] = {
        {"flow", run_flow},
        {"requests", run_requests},
        {"idle", run_idle},
        {"subscriptions", run_subscriptions},
        {"propagation", run_propagation},
    };
    struct options options;
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc < 2)
        fail("usage: load flow|requests|idle|subscriptions|propagation --port N [--option value]...");
    options_parse(&options, argc - 1, argv + 1);
    control_deadline(options.deadline);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            commands[i].run(&options);
            return 0;
        }
    fail("%s: not something to measure", argv[1]);
}
