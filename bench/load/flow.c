/* flow: publishers to subscribers, for a time; with --churn beside a churning client. */
#include "load.h"

static void report(struct traffic_result r, double cpu)
{
    control_done("\"published\": %llu, \"delivered\": %llu, \"seconds\": %.6f, "
                 "\"publish_rate\": %.1f, \"delivery_rate\": %.1f, "
                 "\"client_cpu_seconds\": %.3f",
                 (unsigned long long)r.published, (unsigned long long)r.delivered, r.seconds,
                 (double)r.published / r.seconds, (double)r.delivered / r.seconds,
                 cpu);
}

/* The same flow twice, the second time with churn: the pair shows what churn costs it. */
static void run_with_churn(const struct options *options, struct traffic *t)
{
    struct churn *churn = churn_open(options);
    struct traffic_result quiet = traffic_run(t, options->seconds);
    control_ready();
    uint64_t start = now_ns();
    churn_start(churn);
    struct traffic_result r = traffic_run(t, options->seconds);
    uint64_t pairs = churn_stop(churn);
    double seconds = seconds_since(start), quiet_rate = (double)quiet.delivered / quiet.seconds;
    double rate = (double)r.delivered / r.seconds;
    control_done("\"published\": %llu, \"delivered\": %llu, \"seconds\": %.6f, "
                 "\"delivery_rate\": %.1f, \"quiet_rate\": %.1f, \"kept\": %.4f, "
                 "\"churn_rate\": %.1f",
                 (unsigned long long)r.published, (unsigned long long)r.delivered, r.seconds,
                 rate, quiet_rate, rate / quiet_rate, (double)pairs / seconds);
}

void run_flow(const struct options *options)
{
    struct traffic *t = traffic_open(options);
    if (options->warmup > 0)
        traffic_run(t, options->warmup);
    if (options->churn) {
        run_with_churn(options, t);
        return;
    }
    control_ready();
    double cpu = own_cpu_seconds();
    struct traffic_result r = traffic_run(t, options->seconds);
    report(r, own_cpu_seconds() - cpu);
}
