/* The command line. */
#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORT = 256, PUBLISHERS, SUBSCRIBERS, REQUESTERS, SUBJECTS, SIZE, SECONDS, WARMUP, DEADLINE,
       QUEUE, CHURN, TLS_CA, COUNT, IN_FLIGHT, WINDOW, USERS, FAR_PORT,
       WORKERS };

static const struct option TABLE[] = {
    {"port", required_argument, NULL, PORT},
    {"publishers", required_argument, NULL, PUBLISHERS},
    {"subscribers", required_argument, NULL, SUBSCRIBERS},
    {"requesters", required_argument, NULL, REQUESTERS},
    {"subjects", required_argument, NULL, SUBJECTS},
    {"size", required_argument, NULL, SIZE},
    {"seconds", required_argument, NULL, SECONDS},
    {"warmup", required_argument, NULL, WARMUP},
    {"deadline", required_argument, NULL, DEADLINE},
    {"queue", no_argument, NULL, QUEUE},
    {"churn", no_argument, NULL, CHURN},
    {"tls-ca", required_argument, NULL, TLS_CA},
    {"count", required_argument, NULL, COUNT},
    {"in-flight", required_argument, NULL, IN_FLIGHT},
    {"window", required_argument, NULL, WINDOW},
    {"far-port", required_argument, NULL, FAR_PORT},
    {"users", no_argument, NULL, USERS},
    {"workers", required_argument, NULL, WORKERS},
    {NULL, 0, NULL, 0},
};

static void set(struct options *o, int key, const char *value)
{
    switch (key) {
    case PORT: o->server.sin_port = htons((uint16_t)atoi(value)); break;
    case PUBLISHERS: o->publishers = atoi(value); break;
    case SUBSCRIBERS: o->subscribers = atoi(value); break;
    case REQUESTERS: o->requesters = atoi(value); break;
    case SUBJECTS: o->subjects = atoi(value); break;
    case SIZE: o->size = (size_t)atol(value); break;
    case SECONDS: o->seconds = atof(value); break;
    case WARMUP: o->warmup = atof(value); break;
    case DEADLINE: o->deadline = atof(value); break;
    case QUEUE: o->queue = true; break;
    case CHURN: o->churn = true; break;
    case TLS_CA: o->tls_ca = value; break;
    case COUNT: o->count = atol(value); break;
    case IN_FLIGHT: o->in_flight = atoi(value); break;
    case WINDOW: o->window = (size_t)atol(value); break;
    case FAR_PORT:
        if (o->fars == FAR_MAX)
            fail("no more than %d --far-port", FAR_MAX);
        o->far[o->fars] = o->server;
        o->far[o->fars++].sin_port = htons((uint16_t)atoi(value));
        break;
    case USERS: o->users = true; break;
    case WORKERS: o->workers = atoi(value); break;
    default: fail("usage: load flow|requests|idle|subscriptions|propagation --port N [--option value]...");
    }
}

void options_parse(struct options *o, int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int key;
    *o = (struct options){
        .publishers = 1, .requesters = 1, .subjects = 1, .size = 128,
        .seconds = 1, .warmup = 0.2, .deadline = 60, .count = 1000, .in_flight = 64,
        /* far below the 64 MiB at which servers call a client slow */
        .window = 16 << 20,
        /* one core is the server's; the rest is shared by both roles */
        .workers = cores > 3 ? (int)(cores - 1) / 2 : 1,
    };
    o->server.sin_family = AF_INET;
    o->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while ((key = getopt_long(argc, argv, "", TABLE, NULL)) != -1)
        set(o, key, optarg);
    if (!o->server.sin_port)
        fail("--port is missing");
    if (o->size < STAMP_SIZE)
        fail("--size must be at least %d", STAMP_SIZE);
}
