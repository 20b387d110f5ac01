/* What the parts of the load generator share.
 *
 * The generator is one process with a few threads. A run goes through the same steps
 * whatever is measured; the bench runner listens on standard output and samples the
 * server's CPU time and memory at each step:
 *
 *     (connect, subscribe, warm up)   generator prints   ready {...}
 *     runner samples, writes "go"     (measured part)
 *                                     generator prints   done {...}
 *     runner samples, closes stdin    generator exits, and its connections with it
 *
 * Whatever goes wrong (a lost message, a closed connection, a time-out) prints
 * `failed {"error": ...}` and ends the process with status 1.
 */
#ifndef PUBSUB_LOAD_H
#define PUBSUB_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- options.c ---- */

enum { FAR_MAX = 16 };

struct options {
    struct sockaddr_in server;
    struct sockaddr_in far[FAR_MAX]; /* where subscribers and the responder connect, in turn */
    int fars;                        /* how many there are; with none they connect to server */
    int publishers;
    int subscribers;
    int requesters;
    int subjects;        /* more than one: as many wildcard subscriptions in wildcard rows */
    size_t size;         /* payload bytes */
    double seconds;      /* length of the measured part */
    double warmup;       /* the same work before it, not measured */
    double deadline;     /* seconds after which the process gives up, all in all */
    bool queue;          /* subscribers form one queue group */
    bool churn;          /* another client subscribes and unsubscribes meanwhile */
    const char *tls_ca;  /* NULL for plain TCP */
    long count;          /* connections or subscriptions to make */
    int in_flight;       /* connections being opened at the same time */
    size_t window;       /* bytes a subscriber may be behind the publishers */
    bool users;          /* each role logs in as the user of its name, password "bench" */
    int workers;         /* threads for publishers, and as many for subscribers */
};

void options_parse(struct options *options, int argc, char **argv);

/* ---- clock.c ---- */

uint64_t now_ns(void);
double seconds_since(uint64_t start_ns);
double own_cpu_seconds(void);
void sleep_us(long us);

/* ---- control.c ---- */

void control_deadline(double seconds);
void control_ready(void);           /* prints ready, waits for "go" */
void control_done(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(size_t bytes);       /* zeroed; fails instead of returning NULL */

/* ---- connection.c, tls.c ---- */

struct tls;

struct connection {
    int fd;
    struct tls *tls;                /* NULL for plain TCP */
    const char *role;               /* for error messages */
    int number;
};

enum { WOULD_BLOCK = 0 };           /* what read and write return then; they fail on anything else */

void connection_open_at(struct connection *c, const struct sockaddr_in *server,
                        const struct options *options, const char *role, int number);
void connection_open(struct connection *c, const struct options *options, const char *role,
                     int number);
size_t connection_read(struct connection *c, void *buffer, size_t size);
size_t connection_write(struct connection *c, const void *data, size_t size);
void connection_write_all(struct connection *c, const void *data, size_t size);
void connection_wait(struct connection *c, short events);
void connection_sync(struct connection *c);   /* PING, then skips everything up to the PONG */
void connection_control_line(struct connection *c, const char *line, size_t size, bool *pong);

/* "CONNECT {...}\r\nPING\r\n", what every connection starts with; static memory. */
const char *connect_line(const struct options *options, const char *role);

struct tls *tls_client(int fd, const char *ca_file);
ptrdiff_t tls_read(struct tls *tls, void *buffer, size_t size);
ptrdiff_t tls_write(struct tls *tls, const void *data, size_t size);

/* ---- payload.c: the first STAMP_SIZE bytes of a payload say who sent it and in which order ---- */

enum { STAMP_SIZE = 16 };

void stamp_write(char *payload, uint64_t publisher, uint64_t sequence);
void stamp_read(const char *payload, uint64_t *publisher, uint64_t *sequence);
void fixed_digits(char *where, int width, uint64_t number);
uint64_t parse_digits(const char *where, int width);

/* ---- consumer.c: counts and verifies frames of one fixed length ---- */

enum { READ_SIZE = 512 * 1024, HEADER_MAX = 128 };

struct consumer {
    struct connection connection;
    char header[HEADER_MAX];        /* "MSG subject sid size\r\n"; only its length counts
                                       where subjects vary */
    size_t header_size;
    size_t frame_size;              /* header, payload and its CRLF */
    bool header_varies;             /* "MSG wild.DDDDDD.v DDDDDD size": the numbers agree */
    int publishers;
    bool gets_all;                  /* not in a queue group */
    uint64_t *next;                 /* the sequence that is due, by publisher */
    bool pong;                      /* the server answered the last PING */
    uint64_t last_frame_ns;
    _Atomic uint64_t frames;        /* read by the publishers: how far behind it is */
    char *buffer;
    size_t held;                    /* bytes at the start of buffer, read before */
    size_t skip;                    /* bytes of the present frame that did not arrive yet */
};

void consumer_init(struct consumer *consumer, const struct options *options, int number);
bool consumer_read(struct consumer *consumer); /* false if there was nothing to read */

/* ---- traffic.c: publishers and subscribers, used by flow.c ---- */

struct traffic;

struct traffic_result {
    uint64_t published;
    uint64_t delivered;
    double seconds;                 /* first publish to last delivery (or last PONG) */
};

struct traffic *traffic_open(const struct options *options);
struct traffic_result traffic_run(struct traffic *traffic, double seconds);

/* ---- propagate.c ---- */

void propagate(const struct options *options); /* until the servers know what was subscribed to */

/* ---- what can be measured ---- */

void run_flow(const struct options *options);
void run_requests(const struct options *options);
void run_idle(const struct options *options);
void run_subscriptions(const struct options *options);
void run_propagation(const struct options *options);

/* ---- churn.c ---- */

struct churn;

struct churn *churn_open(const struct options *options);
void churn_start(struct churn *churn);
uint64_t churn_stop(struct churn *churn);     /* pairs of SUB and UNSUB since the start */

#endif
